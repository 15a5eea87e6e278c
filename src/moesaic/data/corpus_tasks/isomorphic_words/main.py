def isomorphic_words(first, second):
    if len(first) != len(second):
        return False
    pairs = set(zip(first, second))
    return len(pairs) == len(set(first)) == len(set(second))


def main():
    first, second = input(), input()
    print("yes" if isomorphic_words(first, second) else "no")


if __name__ == "__main__":
    main()
