import sys


def text_editor(commands):
    texts = [""]
    for command in commands:
        name, _, argument = command.partition(" ")
        if name == "add":
            texts.append(texts[-1] + argument)
        elif name == "cut":
            length = max(0, len(texts[-1]) - int(argument))
            texts.append(texts[-1][:length])
        elif len(texts) > 1:
            texts.pop()
    return texts[-1]


def main():
    commands = sys.stdin.read().splitlines()
    print(text_editor(commands) or "empty")


if __name__ == "__main__":
    main()
