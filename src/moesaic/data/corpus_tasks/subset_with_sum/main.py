def subset_with_sum(weights, target):
    if target == 0:
        return True
    if not weights or target < 0:
        return False
    first, *rest = weights
    return subset_with_sum(rest, target) or subset_with_sum(rest, target - first)


def main():
    target = int(input())
    weights = list(map(int, input().split()))
    print("yes" if subset_with_sum(weights, target) else "no")


if __name__ == "__main__":
    main()
