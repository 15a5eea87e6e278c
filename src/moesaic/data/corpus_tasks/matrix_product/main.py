def matrix_product(first, second):
    columns = list(zip(*second))
    return [
        [sum(a * b for a, b in zip(row, column)) for column in columns] for row in first
    ]


def read_matrix(size):
    return [list(map(int, input().split())) for _ in range(size)]


def main():
    size = int(input())
    first = read_matrix(size)
    second = read_matrix(size)
    for row in matrix_product(first, second):
        print(*row)


if __name__ == "__main__":
    main()
