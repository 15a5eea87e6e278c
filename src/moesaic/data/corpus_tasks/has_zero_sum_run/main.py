from itertools import accumulate


def has_zero_sum_run(numbers):
    sums = list(accumulate(numbers, initial=0))
    return len(set(sums)) < len(sums)


def main():
    numbers = [int(number) for number in input().split()]
    print("yes" if has_zero_sum_run(numbers) else "no")


if __name__ == "__main__":
    main()
