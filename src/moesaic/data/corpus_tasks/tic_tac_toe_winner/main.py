LINES = [
    (0, 1, 2),
    (3, 4, 5),
    (6, 7, 8),
    (0, 3, 6),
    (1, 4, 7),
    (2, 5, 8),
    (0, 4, 8),
    (2, 4, 6),
]


def tic_tac_toe_winner(board):
    for line in LINES:
        marks = {board[square] for square in line}
        if len(marks) == 1 and "." not in marks:
            return marks.pop()
    return "open" if "." in board else "draw"


def main():
    board = input() + input() + input()
    print(tic_tac_toe_winner(board))


if __name__ == "__main__":
    main()
