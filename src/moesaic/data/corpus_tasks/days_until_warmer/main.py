def days_until_warmer(temperatures):
    waits = [0] * len(temperatures)
    stack = []
    for day, temperature in enumerate(temperatures):
        while stack and temperatures[stack[-1]] < temperature:
            cold_day = stack.pop()
            waits[cold_day] = day - cold_day
        stack.append(day)
    return waits


def main():
    temperatures = list(map(int, input().split()))
    print(*days_until_warmer(temperatures))


if __name__ == "__main__":
    main()
