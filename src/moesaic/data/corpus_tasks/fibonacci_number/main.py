def fibonacci_number(n):
    current, following = 0, 1
    for _ in range(n):
        current, following = following, current + following
    return current


def main():
    n = int(input())
    print(fibonacci_number(n))


if __name__ == "__main__":
    main()
