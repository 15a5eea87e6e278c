import heapq
import sys


def task_order(size, pairs):
    waits = {task: 0 for task in range(1, size + 1)}
    followers = {task: [] for task in waits}
    for before, after in pairs:
        waits[after] += 1
        followers[before].append(after)
    ready = [task for task, count in waits.items() if count == 0]
    order = []
    while ready:
        task = heapq.heappop(ready)
        order.append(task)
        for after in followers[task]:
            waits[after] -= 1
            if waits[after] == 0:
                heapq.heappush(ready, after)
    return order


def main():
    size = int(input())
    pairs = [tuple(map(int, line.split())) for line in sys.stdin]
    print(*task_order(size, pairs), sep="\n")


if __name__ == "__main__":
    main()
