from string import ascii_lowercase


def missing_letters(text):
    present = set(text.lower())
    return "".join(letter for letter in ascii_lowercase if letter not in present)


def main():
    print(missing_letters(input()) or "pangram")


if __name__ == "__main__":
    main()
