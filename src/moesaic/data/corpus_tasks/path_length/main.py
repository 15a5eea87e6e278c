import sys
from itertools import pairwise
from math import dist


def path_length(points):
    return sum(dist(start, end) for start, end in pairwise(points))


def main():
    points = [tuple(map(float, line.split())) for line in sys.stdin]
    print(f"{path_length(points):.2f}")


if __name__ == "__main__":
    main()
