from itertools import groupby


def longest_run(word):
    runs = [(letter, len(list(group))) for letter, group in groupby(word)]
    return max(runs, key=lambda run: run[1])


def main():
    letter, length = longest_run(input())
    print(letter, length)


if __name__ == "__main__":
    main()
