def second_largest(numbers):
    unique = sorted(set(numbers))
    if len(unique) == 1:
        return unique[0]
    return unique[-2]


def main():
    numbers = list(map(int, input().split()))
    print(second_largest(numbers))


if __name__ == "__main__":
    main()
