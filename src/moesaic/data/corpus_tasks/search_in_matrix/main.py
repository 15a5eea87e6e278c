def search_in_matrix(matrix, target):
    row, column = 0, len(matrix[0]) - 1
    while row < len(matrix) and column >= 0:
        if matrix[row][column] == target:
            return row + 1, column + 1
        if matrix[row][column] > target:
            column -= 1
        else:
            row += 1
    return None


def main():
    target = int(input())
    rows, _ = map(int, input().split())
    matrix = [list(map(int, input().split())) for _ in range(rows)]
    if place := search_in_matrix(matrix, target):
        print(*place)
    else:
        print("absent")


if __name__ == "__main__":
    main()
