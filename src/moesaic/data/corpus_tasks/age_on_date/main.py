def age_on_date(birth, today):
    day, month, year = birth
    age = today[2] - year
    if (today[1], today[0]) < (month, day):
        age -= 1
    return age


def main():
    birth = [int(part) for part in input().split(".")]
    today = [int(part) for part in input().split(".")]
    print(age_on_date(birth, today))


if __name__ == "__main__":
    main()
