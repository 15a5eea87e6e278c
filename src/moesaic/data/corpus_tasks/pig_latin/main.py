def pig_latin(word):
    for i, letter in enumerate(word):
        if letter in "aeiou":
            return word + "way" if i == 0 else word[i:] + word[:i] + "ay"
    return word + "ay"


def main():
    print(*map(pig_latin, input().split()))


if __name__ == "__main__":
    main()
