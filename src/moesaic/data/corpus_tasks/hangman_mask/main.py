def hangman_mask(word, guesses):
    return "".join(letter if letter in guesses else "_" for letter in word)


def main():
    word = input()
    guesses = input()
    print(hangman_mask(word, guesses))
    print(sum(guess not in word for guess in guesses))


if __name__ == "__main__":
    main()
