from itertools import groupby


def run_length_encoding(word):
    return "".join(letter + str(len(list(run))) for letter, run in groupby(word))


def main():
    word = input()
    print(run_length_encoding(word))


if __name__ == "__main__":
    main()
