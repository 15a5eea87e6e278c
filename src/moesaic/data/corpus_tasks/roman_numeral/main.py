VALUES = [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1]
SYMBOLS = "M CM D CD C XC L XL X IX V IV I".split()


def roman_numeral(number):
    numeral = ""
    for value, symbol in zip(VALUES, SYMBOLS):
        while number >= value:
            numeral += symbol
            number -= value
    return numeral


def main():
    number = int(input())
    print(roman_numeral(number))


if __name__ == "__main__":
    main()
