def gray_code(bits):
    for index in range(1 << bits):
        yield index ^ (index >> 1)


def main():
    bits = int(input())
    for value in gray_code(bits):
        print(f"{value:0{bits}b}")


if __name__ == "__main__":
    main()
