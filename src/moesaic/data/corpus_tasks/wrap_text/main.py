import textwrap


def wrap_text(text, width):
    return textwrap.wrap(text, width)


def main():
    width = int(input())
    text = input()
    print("\n".join(wrap_text(text, width)))


if __name__ == "__main__":
    main()
