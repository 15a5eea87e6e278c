def hide_card_number(number):
    digits = 0
    hidden = ""
    for symbol in reversed(number):
        if symbol.isdigit():
            digits += 1
            if digits > 4:
                symbol = "*"
        hidden = symbol + hidden
    return hidden


def main():
    number = input()
    print(hide_card_number(number))


if __name__ == "__main__":
    main()
