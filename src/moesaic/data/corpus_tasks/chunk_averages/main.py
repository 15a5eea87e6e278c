def chunk_averages(numbers, size):
    groups = [numbers[i : i + size] for i in range(0, len(numbers), size)]
    return [sum(group) / len(group) for group in groups]


def main():
    size = int(input())
    numbers = [int(number) for number in input().split()]
    for average in chunk_averages(numbers, size):
        print(f"{average:.2f}")


if __name__ == "__main__":
    main()
