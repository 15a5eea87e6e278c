def is_prime(number):
    return number > 1 and all(
        number % divisor for divisor in range(2, int(number**0.5) + 1)
    )


def goldbach_pair(number):
    for first in range(2, number // 2 + 1):
        if is_prime(first) and is_prime(number - first):
            return first, number - first


def main():
    number = int(input())
    first, second = goldbach_pair(number)
    print(first, second)


if __name__ == "__main__":
    main()
