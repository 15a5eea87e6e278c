def bubble_sort(numbers):
    for end in range(len(numbers), 1, -1):
        for i in range(1, end):
            if numbers[i - 1] > numbers[i]:
                numbers[i - 1], numbers[i] = numbers[i], numbers[i - 1]


def main():
    numbers = list(map(int, input().split()))
    bubble_sort(numbers)
    for number in numbers:
        print(number)


if __name__ == "__main__":
    main()
