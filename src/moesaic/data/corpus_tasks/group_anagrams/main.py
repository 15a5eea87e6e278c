from collections import defaultdict


def group_anagrams(words):
    groups = defaultdict(list)
    for word in words:
        groups["".join(sorted(word))].append(word)
    return groups.values()


def main():
    for group in group_anagrams(input().split()):
        print(*group)


if __name__ == "__main__":
    main()
