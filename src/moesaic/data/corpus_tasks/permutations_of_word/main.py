def permutations_of_word(word):
    if not word:
        return [""]
    orders = []
    for letter in sorted(set(word)):
        rest = word.replace(letter, "", 1)
        orders += [letter + order for order in permutations_of_word(rest)]
    return orders


def main():
    print("\n".join(permutations_of_word(input())))


if __name__ == "__main__":
    main()
