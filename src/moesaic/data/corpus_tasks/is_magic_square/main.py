def is_magic_square(square):
    size = len(square)
    lines = square + [list(column) for column in zip(*square)]
    lines.append([square[i][i] for i in range(size)])
    lines.append([square[i][-1 - i] for i in range(size)])
    return len(set(map(sum, lines))) == 1


def main():
    size = int(input())
    square = [[int(number) for number in input().split()] for _ in range(size)]
    print("yes" if is_magic_square(square) else "no")


if __name__ == "__main__":
    main()
