import sys


def print_receipt(lines):
    total = 0
    for line in lines:
        name, count, price = line.split()
        cents = int(count) * int(price)
        total += cents
        print(f"{name:<10}{cents / 100:8.2f}")
    print(f"{'total':<10}{total / 100:8.2f}")


def main():
    print_receipt(sys.stdin)


if __name__ == "__main__":
    main()
