def edit_distance(first, second):
    distances = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        row = [i]
        for j, other in enumerate(second, start=1):
            replace = distances[j - 1] + (letter != other)
            row.append(min(replace, distances[j] + 1, row[j - 1] + 1))
        distances = row
    return distances[-1]


def main():
    first = input()
    second = input()
    print(edit_distance(first, second))


if __name__ == "__main__":
    main()
