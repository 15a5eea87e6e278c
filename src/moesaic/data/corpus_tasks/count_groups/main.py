import sys


def leader_of(leaders, person):
    while leaders[person] != person:
        person = leaders[person]
    return person


def count_groups(people, friends):
    leaders = list(range(people + 1))
    groups = people
    for first, second in friends:
        first, second = leader_of(leaders, first), leader_of(leaders, second)
        if first != second:
            leaders[first] = second
            groups -= 1
    return groups


def main():
    people = int(input())
    friends = [tuple(map(int, line.split())) for line in sys.stdin]
    print(count_groups(people, friends))


if __name__ == "__main__":
    main()
