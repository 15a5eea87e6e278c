SMALL_WORDS = {"and", "of", "the"}


def acronym_of_phrase(phrase):
    words = phrase.lower().split()
    return "".join(word[0] for word in words if word not in SMALL_WORDS).upper()


def main():
    phrase = input()
    print(acronym_of_phrase(phrase))


if __name__ == "__main__":
    main()
