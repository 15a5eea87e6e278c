def are_anagrams(first, second):
    return sorted(first) == sorted(second)


def main():
    first = input()
    second = input()
    print("yes" if are_anagrams(first, second) else "no")


if __name__ == "__main__":
    main()
