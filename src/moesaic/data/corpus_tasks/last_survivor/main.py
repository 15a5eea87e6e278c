from collections import deque


def last_survivor(children, k):
    circle = deque(range(1, children + 1))
    order = []
    while circle:
        circle.rotate(1 - k)
        order.append(circle.popleft())
    return order


def main():
    children, k = map(int, input().split())
    print(*last_survivor(children, k))


if __name__ == "__main__":
    main()
