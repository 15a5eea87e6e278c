def can_split_into_words(text, words):
    reachable = [True] + [False] * len(text)
    for end in range(1, len(text) + 1):
        for word in words:
            if text[:end].endswith(word) and reachable[end - len(word)]:
                reachable[end] = True
    return reachable[-1]


def main():
    words = input().split()
    text = input()
    print("yes" if can_split_into_words(text, words) else "no")


if __name__ == "__main__":
    main()
