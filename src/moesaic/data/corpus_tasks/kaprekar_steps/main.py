def kaprekar_steps(number):
    steps = 0
    while number != 6174:
        digits = sorted(str(number).zfill(4))
        small = int("".join(digits))
        large = int("".join(reversed(digits)))
        number = large - small
        steps += 1
    return steps


def main():
    number = int(input())
    print(kaprekar_steps(number))


if __name__ == "__main__":
    main()
