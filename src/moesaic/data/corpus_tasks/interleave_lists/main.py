def interleave_lists(first, second):
    shared = min(len(first), len(second))
    result = []
    for pair in zip(first, second):
        result.extend(pair)
    return result + first[shared:] + second[shared:]


def main():
    first = input().split()
    second = input().split()
    print(*interleave_lists(first, second))


if __name__ == "__main__":
    main()
