def capitalize_words(text):
    words = [word[0].upper() + word[1:] for word in text.split()]
    return " ".join(words)


def main():
    text = input()
    print(capitalize_words(text))


if __name__ == "__main__":
    main()
