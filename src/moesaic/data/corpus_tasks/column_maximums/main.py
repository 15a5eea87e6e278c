import sys


def column_maximums(matrix):
    return map(max, zip(*matrix))


def main():
    next(sys.stdin)
    matrix = [[int(number) for number in line.split()] for line in sys.stdin]
    print(*column_maximums(matrix))


if __name__ == "__main__":
    main()
