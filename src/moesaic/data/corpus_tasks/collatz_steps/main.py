def collatz_steps(number):
    steps = 0
    while number != 1:
        if number % 2 == 0:
            number //= 2
        else:
            number = 3 * number + 1
        steps += 1
    return steps


def main():
    number = int(input())
    print(collatz_steps(number))


if __name__ == "__main__":
    main()
