def word_chain(words):
    return all(left[-1] == right[0] for left, right in zip(words, words[1:]))


def main():
    words = input().split()
    print("yes" if word_chain(words) else "no")


if __name__ == "__main__":
    main()
