def running_totals(numbers):
    total = 0
    totals = []
    for number in numbers:
        total += number
        totals.append(total)
    return totals


def main():
    numbers = list(map(int, input().split()))
    for total in running_totals(numbers):
        print(total)


if __name__ == "__main__":
    main()
