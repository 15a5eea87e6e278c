from itertools import zip_longest


def newer_version(first, second):
    pairs = zip_longest(first.split("."), second.split("."), fillvalue="0")
    for one, other in pairs:
        if int(one) != int(other):
            return first if int(one) > int(other) else second
    return "equal"


def main():
    first = input()
    second = input()
    print(newer_version(first, second))


if __name__ == "__main__":
    main()
