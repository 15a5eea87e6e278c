def egyptian_fraction(numerator, denominator):
    parts = []
    while numerator > 0:
        part = -(-denominator // numerator)
        parts.append(part)
        numerator = numerator * part - denominator
        denominator *= part
    return parts


def main():
    numerator, denominator = map(int, input().split())
    print(*egyptian_fraction(numerator, denominator))


if __name__ == "__main__":
    main()
