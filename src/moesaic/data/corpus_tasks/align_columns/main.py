import sys


def align_columns(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        yield f"| {' | '.join(cells)} |"


def main():
    rows = [line.split(",") for line in sys.stdin.read().splitlines()]
    for line in align_columns(rows):
        print(line)


if __name__ == "__main__":
    main()
