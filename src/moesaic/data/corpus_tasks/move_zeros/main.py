def move_zeros(numbers):
    others = [number for number in numbers if number != 0]
    return others + [0] * (len(numbers) - len(others))


def main():
    numbers = list(map(int, input().split()))
    for number in move_zeros(numbers):
        print(number)


if __name__ == "__main__":
    main()
