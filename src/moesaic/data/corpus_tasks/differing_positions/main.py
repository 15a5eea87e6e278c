from itertools import zip_longest


def differing_positions(first, second):
    pairs = zip_longest(first, second)
    return [i for i, (a, b) in enumerate(pairs, start=1) if a != b]


def main():
    positions = differing_positions(input(), input())
    if positions:
        print(*positions)
    else:
        print("same")


if __name__ == "__main__":
    main()
