def count_vowels(text):
    return sum(1 for letter in text.lower() if letter in "aeiou")


def main():
    text = input()
    print(count_vowels(text))


if __name__ == "__main__":
    main()
