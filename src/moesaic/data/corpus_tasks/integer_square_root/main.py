def integer_square_root(number):
    low, high = 0, number
    while low < high:
        middle = (low + high + 1) // 2
        if middle * middle <= number:
            low = middle
        else:
            high = middle - 1
    return low


def main():
    print(integer_square_root(int(input())))


if __name__ == "__main__":
    main()
