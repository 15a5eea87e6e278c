def only_in_one_list(first, second):
    return sorted(set(first) ^ set(second))


def main():
    names = only_in_one_list(input().split(), input().split())
    print("\n".join(names) if names else "equal")


if __name__ == "__main__":
    main()
