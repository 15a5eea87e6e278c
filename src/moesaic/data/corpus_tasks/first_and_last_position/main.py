from bisect import bisect_left, bisect_right


def first_and_last_position(numbers, target):
    first = bisect_left(numbers, target) + 1
    last = bisect_right(numbers, target)
    return (first, last) if first <= last else None


def main():
    target = int(input())
    numbers = list(map(int, input().split()))
    positions = first_and_last_position(numbers, target)
    print(*positions or ["absent"])


if __name__ == "__main__":
    main()
