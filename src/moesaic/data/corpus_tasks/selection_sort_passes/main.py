def selection_sort_passes(numbers):
    for start in range(len(numbers) - 1):
        smallest = min(range(start, len(numbers)), key=lambda i: numbers[i])
        numbers[start], numbers[smallest] = numbers[smallest], numbers[start]
        print(*numbers)


def main():
    selection_sort_passes(list(map(int, input().split())))


if __name__ == "__main__":
    main()
