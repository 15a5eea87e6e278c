def prime_factors(number):
    factors = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    if number > 1:
        factors.append(number)
    return factors


def main():
    number = int(input())
    for factor in prime_factors(number):
        print(factor)


if __name__ == "__main__":
    main()
