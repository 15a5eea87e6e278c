import sys


def knapsack_value(items, capacity):
    best = [0] * (capacity + 1)
    for weight, value in items:
        for room in range(capacity, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + value)
    return best[capacity]


def main():
    capacity = int(input())
    items = [tuple(map(int, line.split())) for line in sys.stdin]
    print(knapsack_value(items, capacity))


if __name__ == "__main__":
    main()
