def minesweeper_numbers(field):
    def mines_around(row, column):
        rows = field[max(row - 1, 0) : row + 2]
        return sum(line[max(column - 1, 0) : column + 2].count("*") for line in rows)

    return [
        "".join(
            "*" if square == "*" else str(mines_around(i, j))
            for j, square in enumerate(line)
        )
        for i, line in enumerate(field)
    ]


def main():
    field = [input() for _ in range(int(input()))]
    print("\n".join(minesweeper_numbers(field)))


if __name__ == "__main__":
    main()
