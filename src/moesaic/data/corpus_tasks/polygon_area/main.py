import sys


def polygon_area(corners):
    doubled = 0
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1]):
        doubled += x1 * y2 - x2 * y1
    return abs(doubled) / 2


def main():
    corners = [tuple(map(int, line.split())) for line in sys.stdin]
    print(f"{polygon_area(corners):.1f}")


if __name__ == "__main__":
    main()
