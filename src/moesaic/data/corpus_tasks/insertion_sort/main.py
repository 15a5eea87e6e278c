def insertion_sort(numbers):
    for i in range(1, len(numbers)):
        number = numbers[i]
        gap = i
        while gap > 0 and numbers[gap - 1] < number:
            numbers[gap] = numbers[gap - 1]
            gap -= 1
        numbers[gap] = number


def main():
    numbers = list(map(int, input().split()))
    insertion_sort(numbers)
    for number in numbers:
        print(number)


if __name__ == "__main__":
    main()
