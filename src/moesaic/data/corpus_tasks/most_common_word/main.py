from collections import Counter


def most_common_word(text):
    counts = Counter(text.lower().split())
    return min(counts.items(), key=lambda item: (-item[1], item[0]))


def main():
    print(*most_common_word(input()))


if __name__ == "__main__":
    main()
