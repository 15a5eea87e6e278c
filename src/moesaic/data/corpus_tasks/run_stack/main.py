import sys


def run_stack(commands):
    stack = []
    for command in commands:
        words = command.split()
        if words[0] == "push":
            stack.append(int(words[1]))
        elif stack:
            print(stack.pop())
        else:
            print("empty")


def main():
    commands = sys.stdin.read().splitlines()
    run_stack(commands)


if __name__ == "__main__":
    main()
