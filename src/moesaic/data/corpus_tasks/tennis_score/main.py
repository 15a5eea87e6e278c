CALLS = ["0", "15", "30", "40"]


def tennis_score(points):
    a, b = points.count("A"), points.count("B")
    leader = "A" if a > b else "B"
    if max(a, b) >= 4 and abs(a - b) >= 2:
        return f"game {leader}"
    if min(a, b) >= 3:
        return "deuce" if a == b else f"advantage {leader}"
    return f"{CALLS[a]}-{CALLS[b]}"


def main():
    print(tennis_score(input()))


if __name__ == "__main__":
    main()
