def first_repeated_page(links):
    visited = set()
    page = 1
    while page not in visited:
        visited.add(page)
        page = links[page - 1]
    return page, len(visited)


def main():
    links = list(map(int, input().split()))
    print(*first_repeated_page(links))


if __name__ == "__main__":
    main()
