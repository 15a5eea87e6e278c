import heapq
import sys


def cheapest_route(roads, start, goal):
    finished = set()
    queue = [(0, start)]
    while queue:
        price, town = heapq.heappop(queue)
        if town == goal:
            return price
        if town in finished:
            continue
        finished.add(town)
        for neighbor, cost in roads.get(town, []):
            heapq.heappush(queue, (price + cost, neighbor))
    return -1


def main():
    start, goal = input().split()
    roads = {}
    for line in sys.stdin:
        first, second, cost = line.split()
        roads.setdefault(first, []).append((second, int(cost)))
        roads.setdefault(second, []).append((first, int(cost)))
    print(cheapest_route(roads, start, goal))


if __name__ == "__main__":
    main()
