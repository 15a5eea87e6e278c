def reverse_words(text):
    return " ".join(reversed(text.split()))


def main():
    text = input()
    print(reverse_words(text))


if __name__ == "__main__":
    main()
