def rank_players(players):
    ranking = []
    for name, points in sorted(players, key=lambda player: (-player[1], player[0])):
        better = sum(other > points for _, other in players)
        ranking.append((better + 1, name))
    return ranking


def main():
    players = []
    for _ in range(int(input())):
        name, points = input().split()
        players.append((name, int(points)))
    for rank, name in rank_players(players):
        print(rank, name)


if __name__ == "__main__":
    main()
