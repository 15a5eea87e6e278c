def transpose_matrix(matrix):
    return list(zip(*matrix))


def main():
    rows, columns = map(int, input().split())
    matrix = [list(map(int, input().split())) for _ in range(rows)]
    for row in transpose_matrix(matrix):
        print(*row)


if __name__ == "__main__":
    main()
