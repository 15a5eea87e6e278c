import sys


def count_grid_paths(grid):
    paths = [1] + [0] * (len(grid[0]) - 1)
    for row in grid:
        for column, cell in enumerate(row):
            if cell == "#":
                paths[column] = 0
            elif column > 0:
                paths[column] += paths[column - 1]
    return paths[-1]


def main():
    grid = sys.stdin.read().split()
    print(count_grid_paths(grid))


if __name__ == "__main__":
    main()
