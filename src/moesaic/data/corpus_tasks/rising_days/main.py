def rising_days(prices):
    longest = days = 1
    for yesterday, today in zip(prices, prices[1:]):
        days = days + 1 if today > yesterday else 1
        longest = max(longest, days)
    return longest


def main():
    prices = list(map(float, input().split()))
    print(rising_days(prices))


if __name__ == "__main__":
    main()
