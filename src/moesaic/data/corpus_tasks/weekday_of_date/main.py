from datetime import date


def weekday_of_date(year, month, day):
    return date(year, month, day).strftime("%A")


def main():
    year, month, day = map(int, input().split())
    print(weekday_of_date(year, month, day))


if __name__ == "__main__":
    main()
