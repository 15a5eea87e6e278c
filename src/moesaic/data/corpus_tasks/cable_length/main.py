import sys


def cable_length(houses, cables):
    network = list(range(houses + 1))
    total = 0
    for length, first, second in sorted(cables):
        old, new = network[first], network[second]
        if old != new:
            network = [new if number == old else number for number in network]
            total += length
    return total


def main():
    houses = int(input())
    cables = []
    for line in sys.stdin:
        first, second, length = map(int, line.split())
        cables.append((length, first, second))
    print(cable_length(houses, cables))


if __name__ == "__main__":
    main()
