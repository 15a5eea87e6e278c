from bisect import bisect_left


def pass_cost(days, day_ticket, week_pass):
    costs = [0] * (len(days) + 1)
    for i in reversed(range(len(days))):
        after_pass = bisect_left(days, days[i] + 7)
        costs[i] = min(costs[i + 1] + day_ticket, costs[after_pass] + week_pass)
    return costs[0]


def main():
    day_ticket, week_pass = map(int, input().split())
    days = list(map(int, input().split()))
    print(pass_cost(days, day_ticket, week_pass))


if __name__ == "__main__":
    main()
