from math import lcm


def next_departure(intervals):
    minutes = 8 * 60 + lcm(*intervals)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def main():
    intervals = [int(word) for word in input().split()]
    print(next_departure(intervals))


if __name__ == "__main__":
    main()
