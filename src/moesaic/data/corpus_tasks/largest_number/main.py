def largest_number(numbers):
    largest = numbers[0]
    for number in numbers:
        if number > largest:
            largest = number
    return largest


def main():
    numbers = list(map(int, input().split()))
    print(largest_number(numbers))


if __name__ == "__main__":
    main()
