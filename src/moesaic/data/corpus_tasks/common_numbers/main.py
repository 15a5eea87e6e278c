def common_numbers(first, second):
    return len(set(first) & set(second))


def main():
    first = list(map(int, input().split()))
    second = list(map(int, input().split()))
    print(common_numbers(first, second))


if __name__ == "__main__":
    main()
