def overlap_area(first, second):
    left = max(first[0], second[0])
    lower = max(first[1], second[1])
    right = min(first[2], second[2])
    upper = min(first[3], second[3])
    return max(0, right - left) * max(0, upper - lower)


def main():
    first = list(map(int, input().split()))
    second = list(map(int, input().split()))
    print(overlap_area(first, second))


if __name__ == "__main__":
    main()
