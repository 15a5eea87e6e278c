def binary_gap(number):
    zeros = f"{number:b}".strip("0").split("1")
    return max(map(len, zeros))


def main():
    number = int(input())
    print(binary_gap(number))


if __name__ == "__main__":
    main()
