def factorial(number):
    if number == 0:
        return 1
    return number * factorial(number - 1)


def main():
    number = int(input())
    print(factorial(number))


if __name__ == "__main__":
    main()
