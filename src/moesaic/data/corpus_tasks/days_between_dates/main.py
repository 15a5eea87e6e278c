from datetime import date


def days_between_dates(first, second):
    return abs((second - first).days)


def main():
    first = date.fromisoformat(input())
    second = date.fromisoformat(input())
    print(days_between_dates(first, second))


if __name__ == "__main__":
    main()
