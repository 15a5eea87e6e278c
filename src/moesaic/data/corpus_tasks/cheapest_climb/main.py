def cheapest_climb(costs):
    before_last, last = 0, 0
    for cost in costs:
        before_last, last = last, cost + min(before_last, last)
    return min(before_last, last)


def main():
    costs = [int(word) for word in input().split()]
    print(cheapest_climb(costs))


if __name__ == "__main__":
    main()
