def spiral_order(matrix):
    order = []
    while matrix:
        order.extend(matrix[0])
        matrix = list(zip(*matrix[1:]))[::-1]
    return order


def main():
    rows, _ = map(int, input().split())
    matrix = [input().split() for _ in range(rows)]
    print(*spiral_order(matrix))


if __name__ == "__main__":
    main()
