def triangle_type(a, b, c):
    if a == b == c:
        return "equilateral"
    if a == b or b == c or a == c:
        return "isosceles"
    return "scalene"


def main():
    a, b, c = map(int, input().split())
    print(triangle_type(a, b, c))


if __name__ == "__main__":
    main()
