def side(line, point):
    (x1, y1), (x2, y2) = line
    x, y = point
    return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)


def segments_cross(first, second):
    return (
        side(first, second[0]) * side(first, second[1]) < 0
        and side(second, first[0]) * side(second, first[1]) < 0
    )


def read_segment():
    x1, y1, x2, y2 = map(int, input().split())
    return (x1, y1), (x2, y2)


def main():
    first = read_segment()
    second = read_segment()
    print("yes" if segments_cross(first, second) else "no")


if __name__ == "__main__":
    main()
