def circle_relation(first, second):
    x1, y1, r1 = first
    x2, y2, r2 = second
    distance = (x1 - x2) ** 2 + (y1 - y2) ** 2
    if distance > (r1 + r2) ** 2:
        return "apart"
    if distance < (r1 - r2) ** 2:
        return "inside"
    if distance in ((r1 + r2) ** 2, (r1 - r2) ** 2):
        return "touching"
    return "crossing"


def main():
    first = map(int, input().split())
    second = map(int, input().split())
    print(circle_relation(first, second))


if __name__ == "__main__":
    main()
