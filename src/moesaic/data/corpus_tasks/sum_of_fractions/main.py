from fractions import Fraction


def sum_of_fractions(fractions):
    return sum(fractions, Fraction(0))


def main():
    fractions = [Fraction(word) for word in input().split()]
    total = sum_of_fractions(fractions)
    print(f"{total.numerator}/{total.denominator}")


if __name__ == "__main__":
    main()
