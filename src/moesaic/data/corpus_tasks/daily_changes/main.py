def daily_changes(values):
    return [today - yesterday for yesterday, today in zip(values, values[1:])]


def main():
    values = list(map(int, input().split()))
    for change in daily_changes(values):
        print(f"{change:+}" if change else 0)


if __name__ == "__main__":
    main()
