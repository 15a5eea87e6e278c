def join_names(names):
    *others, last = names
    if not others:
        return last
    return f"{', '.join(others)} and {last}"


def main():
    names = input().split()
    print(join_names(names))


if __name__ == "__main__":
    main()
