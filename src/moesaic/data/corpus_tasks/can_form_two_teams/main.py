import sys


def assign(rivals, teams, player, team):
    if player in teams:
        return teams[player] == team
    teams[player] = team
    return all(assign(rivals, teams, rival, 3 - team) for rival in rivals[player])


def can_form_two_teams(rivals):
    teams = {}
    return all(player in teams or assign(rivals, teams, player, 1) for player in rivals)


def main():
    players = int(input())
    rivals = {player: [] for player in range(1, players + 1)}
    for line in sys.stdin:
        first, second = map(int, line.split())
        rivals[first].append(second)
        rivals[second].append(first)
    print("yes" if can_form_two_teams(rivals) else "no")


if __name__ == "__main__":
    main()
