def shopping_bill(prices, items):
    total = sum(prices.get(item, 0) for item in items)
    unsold = sum(item not in prices for item in items)
    return total, unsold


def main():
    prices = {}
    for _ in range(int(input())):
        item, price = input().split()
        prices[item] = int(price)
    print(*shopping_bill(prices, input().split()))


if __name__ == "__main__":
    main()
