from collections import deque


def moving_maximum(numbers, size):
    window = deque()
    maximums = []
    for i, number in enumerate(numbers):
        while window and numbers[window[-1]] <= number:
            window.pop()
        window.append(i)
        if window[0] == i - size:
            window.popleft()
        if i >= size - 1:
            maximums.append(numbers[window[0]])
    return maximums


def main():
    size = int(input())
    numbers = list(map(int, input().split()))
    print(*moving_maximum(numbers, size))


if __name__ == "__main__":
    main()
