def is_palindrome(text):
    text = text.lower()
    return text == text[::-1]


def main():
    text = input()
    print("yes" if is_palindrome(text) else "no")


if __name__ == "__main__":
    main()
