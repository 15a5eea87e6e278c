import sys


def to_minutes(clock):
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)


def free_time(meetings):
    free = 0
    busy_until = to_minutes("09:00")
    for start, end in sorted(meetings):
        free += max(0, start - busy_until)
        busy_until = max(busy_until, end)
    return free + to_minutes("17:00") - busy_until


def main():
    meetings = [tuple(map(to_minutes, line.split("-"))) for line in sys.stdin]
    print(free_time(meetings))


if __name__ == "__main__":
    main()
