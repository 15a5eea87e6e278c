def bracket_sequences(pairs, opened=0):
    if pairs == 0 and opened == 0:
        yield ""
    if pairs > 0:
        for rest in bracket_sequences(pairs - 1, opened + 1):
            yield "(" + rest
    if opened > 0:
        for rest in bracket_sequences(pairs, opened - 1):
            yield ")" + rest


def main():
    for sequence in bracket_sequences(int(input())):
        print(sequence)


if __name__ == "__main__":
    main()
