def diagonal_difference(matrix):
    difference = 0
    for i, row in enumerate(matrix):
        difference += row[i] - row[-1 - i]
    return abs(difference)


def main():
    size = int(input())
    matrix = [list(map(int, input().split())) for _ in range(size)]
    print(diagonal_difference(matrix))


if __name__ == "__main__":
    main()
