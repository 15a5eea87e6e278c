import sys


def visit(land, cell):
    land.remove(cell)
    row, column = cell
    for near in [
        (row - 1, column),
        (row + 1, column),
        (row, column - 1),
        (row, column + 1),
    ]:
        if near in land:
            visit(land, near)


def count_islands(rows):
    land = {
        (r, c)
        for r, row in enumerate(rows)
        for c, cell in enumerate(row)
        if cell == "#"
    }
    islands = 0
    while land:
        visit(land, next(iter(land)))
        islands += 1
    return islands


def main():
    rows = sys.stdin.read().splitlines()
    print(count_islands(rows))


if __name__ == "__main__":
    main()
