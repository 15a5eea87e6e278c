def remove_duplicates(numbers):
    seen = set()
    unique = []
    for number in numbers:
        if number not in seen:
            seen.add(number)
            unique.append(number)
    return unique


def main():
    numbers = list(map(int, input().split()))
    for number in remove_duplicates(numbers):
        print(number)


if __name__ == "__main__":
    main()
