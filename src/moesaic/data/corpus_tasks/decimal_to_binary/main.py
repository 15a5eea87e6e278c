def decimal_to_binary(number):
    digits = ""
    while number > 0:
        digits = str(number % 2) + digits
        number //= 2
    return digits or "0"


def main():
    number = int(input())
    print(decimal_to_binary(number))


if __name__ == "__main__":
    main()
