def alternate_case(text):
    result = []
    upper = True
    for symbol in text:
        if symbol.isalpha():
            result.append(symbol.upper() if upper else symbol.lower())
            upper = not upper
        else:
            result.append(symbol)
    return "".join(result)


def main():
    print(alternate_case(input()))


if __name__ == "__main__":
    main()
