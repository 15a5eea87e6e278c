SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_in_words(number):
    if number < 20:
        return SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f"-{SMALL[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    words = f"{SMALL[hundreds]} hundred"
    return f"{words} and {number_in_words(rest)}" if rest else words


def main():
    number = int(input())
    print(number_in_words(number))


if __name__ == "__main__":
    main()
