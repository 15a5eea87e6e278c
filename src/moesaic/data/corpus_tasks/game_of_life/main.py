def game_of_life(board):
    alive = {
        (i, j)
        for i, row in enumerate(board)
        for j, cell in enumerate(row)
        if cell == "#"
    }

    def survives(i, j):
        block = sum((i + di, j + dj) in alive for di in (-1, 0, 1) for dj in (-1, 0, 1))
        return block == 3 or (block == 4 and (i, j) in alive)

    return [
        "".join("#" if survives(i, j) else "." for j in range(len(row)))
        for i, row in enumerate(board)
    ]


def main():
    rows = int(input())
    board = [input() for _ in range(rows)]
    for row in game_of_life(board):
        print(row)


if __name__ == "__main__":
    main()
