def common_prefix(words):
    prefix = words[0]
    for word in words[1:]:
        while not word.startswith(prefix):
            prefix = prefix[:-1]
    return prefix


def main():
    words = input().split()
    print(common_prefix(words) or "none")


if __name__ == "__main__":
    main()
