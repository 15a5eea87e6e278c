def permission_string(digits):
    letters = ""
    for digit in digits:
        for bit, letter in zip((4, 2, 1), "rwx"):
            letters += letter if int(digit) & bit else "-"
    return letters


def main():
    digits = input()
    print(permission_string(digits))


if __name__ == "__main__":
    main()
