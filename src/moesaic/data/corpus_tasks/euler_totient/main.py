def euler_totient(n):
    totient = n
    divisor = 2
    while divisor * divisor <= n:
        if n % divisor == 0:
            totient -= totient // divisor
            while n % divisor == 0:
                n //= divisor
        divisor += 1
    if n > 1:
        totient -= totient // n
    return totient


def main():
    n = int(input())
    print(euler_totient(n))


if __name__ == "__main__":
    main()
