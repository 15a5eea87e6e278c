import heapq
import sys


def printer_queue(commands):
    queue = []
    for number, command in enumerate(commands):
        words = command.split()
        if words[0] == "add":
            heapq.heappush(queue, (-int(words[2]), number, words[1]))
        elif queue:
            _, _, name = heapq.heappop(queue)
            print(name)
        else:
            print("idle")


def main():
    commands = sys.stdin.readlines()
    printer_queue(commands)


if __name__ == "__main__":
    main()
