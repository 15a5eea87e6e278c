def trapped_rain(walls):
    water = 0
    for i, wall in enumerate(walls):
        level = min(max(walls[: i + 1]), max(walls[i:]))
        water += level - wall
    return water


def main():
    walls = [int(wall) for wall in input().split()]
    print(trapped_rain(walls))


if __name__ == "__main__":
    main()
