def pairs_with_sum(numbers, target):
    count = 0
    for i in range(len(numbers)):
        for j in range(i + 1, len(numbers)):
            if numbers[i] + numbers[j] == target:
                count += 1
    return count


def main():
    target = int(input())
    numbers = list(map(int, input().split()))
    print(pairs_with_sum(numbers, target))


if __name__ == "__main__":
    main()
