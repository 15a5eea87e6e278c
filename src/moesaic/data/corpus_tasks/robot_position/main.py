def robot_position(moves):
    x = moves.count("R") - moves.count("L")
    y = moves.count("U") - moves.count("D")
    return x, y


def main():
    moves = input()
    x, y = robot_position(moves)
    print(x, y)


if __name__ == "__main__":
    main()
