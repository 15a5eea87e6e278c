def rail_fence(word, count):
    rails = [""] * count
    rail, step = 0, 1
    for letter in word:
        rails[rail] += letter
        if not 0 <= rail + step < count:
            step = -step
        if count > 1:
            rail += step
    return "".join(rails)


def main():
    count = int(input())
    print(rail_fence(input(), count))


if __name__ == "__main__":
    main()
