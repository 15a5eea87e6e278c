def is_prime(number):
    if number < 2:
        return False
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 1
    return True


def main():
    number = int(input())
    print("yes" if is_prime(number) else "no")


if __name__ == "__main__":
    main()
