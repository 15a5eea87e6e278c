def first_unique_letter(word):
    for position, letter in enumerate(word, start=1):
        if word.count(letter) == 1:
            return f"{letter} {position}"
    return "none"


def main():
    print(first_unique_letter(input()))


if __name__ == "__main__":
    main()
