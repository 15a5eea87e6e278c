def widest_gap(posts):
    posts = sorted(posts)
    gaps = zip(posts, posts[1:])
    return max(gaps, key=lambda gap: gap[1] - gap[0])


def main():
    start, end = widest_gap(map(int, input().split()))
    print(start, end)


if __name__ == "__main__":
    main()
