def rotate_matrix(matrix):
    return [list(column) for column in zip(*reversed(matrix))]


def main():
    rows, _ = map(int, input().split())
    matrix = [input().split() for _ in range(rows)]
    for row in rotate_matrix(matrix):
        print(" ".join(row))


if __name__ == "__main__":
    main()
