def sort_by_length(words):
    return sorted(words, key=lambda word: (len(word), word))


def main():
    words = input().split()
    for word in sort_by_length(words):
        print(word)


if __name__ == "__main__":
    main()
