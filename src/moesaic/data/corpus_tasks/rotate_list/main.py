def rotate_list(numbers, steps):
    steps %= len(numbers)
    return numbers[steps:] + numbers[:steps]


def main():
    steps = int(input())
    numbers = list(map(int, input().split()))
    for number in rotate_list(numbers, steps):
        print(number)


if __name__ == "__main__":
    main()
