def multiplication_table(number):
    for factor in range(1, 11):
        print(f"{number} x {factor} = {number * factor}")


def main():
    number = int(input())
    multiplication_table(number)


if __name__ == "__main__":
    main()
