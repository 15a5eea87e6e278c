from collections import deque


def finish_order(times, turn):
    queue = deque(enumerate(times, start=1))
    finished = []
    while queue:
        job, time = queue.popleft()
        if time > turn:
            queue.append((job, time - turn))
        else:
            finished.append(job)
    return finished


def main():
    turn = int(input())
    times = list(map(int, input().split()))
    for job in finish_order(times, turn):
        print(job)


if __name__ == "__main__":
    main()
