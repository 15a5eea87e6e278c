from collections import deque


def recent_calls(times):
    queue = deque()
    for time in times:
        queue.append(time)
        while queue[0] <= time - 60:
            queue.popleft()
        yield len(queue)


def main():
    times = map(int, input().split())
    for count in recent_calls(times):
        print(count)


if __name__ == "__main__":
    main()
