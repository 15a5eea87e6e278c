def ruler_marks(depth):
    if depth == 0:
        return []
    half = ruler_marks(depth - 1)
    return half + ["-" * depth] + half


def main():
    depth = int(input())
    print("\n".join(ruler_marks(depth)))


if __name__ == "__main__":
    main()
