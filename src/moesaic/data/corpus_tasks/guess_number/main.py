def guess_number(limit, secret):
    low, high = 1, limit
    while True:
        guess = (low + high) // 2
        yield guess
        if guess == secret:
            return
        if guess < secret:
            low = guess + 1
        else:
            high = guess - 1


def main():
    limit, secret = map(int, input().split())
    print(*guess_number(limit, secret))


if __name__ == "__main__":
    main()
