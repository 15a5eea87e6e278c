def row_sums(matrix):
    return [sum(row) for row in matrix]


def main():
    rows, columns = map(int, input().split())
    matrix = [list(map(int, input().split())) for _ in range(rows)]
    for total in row_sums(matrix):
        print(total)


if __name__ == "__main__":
    main()
