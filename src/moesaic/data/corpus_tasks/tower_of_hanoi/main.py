def tower_of_hanoi(disks, source, target, spare):
    if disks == 0:
        return
    tower_of_hanoi(disks - 1, source, spare, target)
    print(source, "->", target)
    tower_of_hanoi(disks - 1, spare, target, source)


def main():
    disks = int(input())
    tower_of_hanoi(disks, "A", "C", "B")


if __name__ == "__main__":
    main()
