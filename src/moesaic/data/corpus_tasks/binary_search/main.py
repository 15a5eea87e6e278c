def binary_search(numbers, target):
    low, high = 0, len(numbers) - 1
    while low <= high:
        middle = (low + high) // 2
        if numbers[middle] == target:
            return middle
        if numbers[middle] < target:
            low = middle + 1
        else:
            high = middle - 1
    return -1


def main():
    target = int(input())
    numbers = list(map(int, input().split()))
    print(binary_search(numbers, target))


if __name__ == "__main__":
    main()
