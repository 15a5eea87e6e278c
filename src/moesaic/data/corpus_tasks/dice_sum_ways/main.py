def dice_sum_ways(dice, total):
    ways = {0: 1}
    for _ in range(dice):
        following = {}
        for points, count in ways.items():
            for face in range(1, 7):
                following[points + face] = following.get(points + face, 0) + count
        ways = following
    return ways.get(total, 0)


def main():
    dice, total = map(int, input().split())
    print(dice_sum_ways(dice, total))


if __name__ == "__main__":
    main()
