def is_valid_card_number(number):
    digits = [int(symbol) for symbol in reversed(number) if symbol != " "]
    total = sum(digits[::2])
    for digit in digits[1::2]:
        total += sum(divmod(2 * digit, 10))
    return total % 10 == 0


def main():
    number = input()
    print("yes" if is_valid_card_number(number) else "no")


if __name__ == "__main__":
    main()
