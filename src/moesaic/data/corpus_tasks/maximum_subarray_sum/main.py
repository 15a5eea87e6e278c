def maximum_subarray_sum(numbers):
    best = current = numbers[0]
    for number in numbers[1:]:
        current = max(current + number, number)
        best = max(best, current)
    return best


def main():
    numbers = list(map(int, input().split()))
    print(maximum_subarray_sum(numbers))


if __name__ == "__main__":
    main()
