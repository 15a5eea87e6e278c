COINS = (50, 20, 10, 5, 2, 1)


def give_change(amount):
    change = []
    for coin in COINS:
        count, amount = divmod(amount, coin)
        if count:
            change.append((coin, count))
    return change


def main():
    price, paid = map(int, input().split())
    for coin, count in give_change(paid - price):
        print(coin, count)
    if price == paid:
        print("exact")


if __name__ == "__main__":
    main()
