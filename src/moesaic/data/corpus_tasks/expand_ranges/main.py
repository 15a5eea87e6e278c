def expand_ranges(entries):
    pages = []
    for entry in entries:
        first, _, last = entry.partition("-")
        pages.extend(range(int(first), int(last or first) + 1))
    return pages


def main():
    print(*expand_ranges(input().split(",")))


if __name__ == "__main__":
    main()
