def border_sum(matrix):
    total = sum(map(sum, matrix))
    inner = sum(sum(row[1:-1]) for row in matrix[1:-1])
    return total - inner


def main():
    rows, _ = map(int, input().split())
    matrix = [list(map(int, input().split())) for _ in range(rows)]
    print(border_sum(matrix))


if __name__ == "__main__":
    main()
