def is_leap_year(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def main():
    year = int(input())
    print("yes" if is_leap_year(year) else "no")


if __name__ == "__main__":
    main()
