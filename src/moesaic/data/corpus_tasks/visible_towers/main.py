from itertools import accumulate


def visible_towers(towers):
    return len(set(accumulate(towers, max)))


def main():
    towers = map(int, input().split())
    print(visible_towers(towers))


if __name__ == "__main__":
    main()
