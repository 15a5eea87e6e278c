def power_of_number(base, exponent):
    if exponent == 0:
        return 1
    half = power_of_number(base, exponent // 2)
    if exponent % 2 == 0:
        return half * half
    return half * half * base


def main():
    base, exponent = map(int, input().split())
    print(power_of_number(base, exponent))


if __name__ == "__main__":
    main()
