import sys


def bus_passengers(seats, stops):
    passengers = left_behind = 0
    for getting_off, waiting in stops:
        passengers -= getting_off
        getting_on = min(waiting, seats - passengers)
        passengers += getting_on
        left_behind += waiting - getting_on
        print(passengers)
    return left_behind


def main():
    seats = int(input())
    stops = [tuple(map(int, line.split())) for line in sys.stdin]
    print(bus_passengers(seats, stops))


if __name__ == "__main__":
    main()
