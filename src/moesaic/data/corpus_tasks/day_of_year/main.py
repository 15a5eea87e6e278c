from datetime import date


def day_of_year(day):
    return (day - date(day.year, 1, 1)).days + 1


def main():
    day = date.fromisoformat(input())
    print(day_of_year(day))


if __name__ == "__main__":
    main()
