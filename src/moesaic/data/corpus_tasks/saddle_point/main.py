def saddle_point(matrix):
    columns = list(zip(*matrix))
    for i, row in enumerate(matrix):
        for j, number in enumerate(row):
            if number == min(row) == max(columns[j]):
                return i + 1, j + 1
    return None


def main():
    rows, _ = map(int, input().split())
    matrix = [list(map(int, input().split())) for _ in range(rows)]
    place = saddle_point(matrix)
    if place is None:
        print("none")
    else:
        print(*place)


if __name__ == "__main__":
    main()
