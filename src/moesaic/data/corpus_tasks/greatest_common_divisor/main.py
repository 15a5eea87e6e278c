def greatest_common_divisor(first, second):
    while second != 0:
        first, second = second, first % second
    return first


def main():
    first, second = map(int, input().split())
    print(greatest_common_divisor(first, second))


if __name__ == "__main__":
    main()
