def account_balance(bookings):
    balance = 0
    for booking in bookings:
        if balance + booking >= 0:
            balance += booking
    return balance


def main():
    bookings = list(map(int, input().split()))
    print(account_balance(bookings))


if __name__ == "__main__":
    main()
