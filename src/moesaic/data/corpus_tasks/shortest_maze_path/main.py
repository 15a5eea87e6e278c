import sys
from collections import deque


def shortest_maze_path(rows):
    maze = {(r, c): cell for r, row in enumerate(rows) for c, cell in enumerate(row)}
    start = next(place for place, cell in maze.items() if cell == "S")
    queue = deque([(start, 0)])
    visited = {start}
    while queue:
        (row, column), steps = queue.popleft()
        if maze[row, column] == "E":
            return steps
        for step_r, step_c in [(-1, 0), (1, 0), (0, -1), (0, 1)]:
            place = (row + step_r, column + step_c)
            if maze.get(place, "#") != "#" and place not in visited:
                visited.add(place)
                queue.append((place, steps + 1))
    return -1


def main():
    rows = sys.stdin.read().split()
    print(shortest_maze_path(rows))


if __name__ == "__main__":
    main()
