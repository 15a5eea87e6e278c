import sys


def parking_lot(places, commands):
    cars = [None] * places
    for command, car in commands:
        if command == "out":
            place = cars.index(car)
            cars[place] = None
            print(place + 1)
        elif None in cars:
            place = cars.index(None)
            cars[place] = car
            print(place + 1)
        else:
            print("full")


def main():
    places = int(input())
    parking_lot(places, [line.split() for line in sys.stdin])


if __name__ == "__main__":
    main()
