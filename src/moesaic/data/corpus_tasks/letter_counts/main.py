from collections import Counter


def letter_counts(word):
    return Counter(word)


def main():
    word = input()
    for letter, count in sorted(letter_counts(word).items()):
        print(letter, count)


if __name__ == "__main__":
    main()
