def longest_word(text):
    longest = ""
    for word in text.split():
        if len(word) > len(longest):
            longest = word
    return longest


def main():
    text = input()
    print(longest_word(text))


if __name__ == "__main__":
    main()
