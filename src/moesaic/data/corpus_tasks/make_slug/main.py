import re


def make_slug(heading):
    return "-".join(re.findall(r"[a-z0-9]+", heading.lower()))


def main():
    heading = input()
    print(make_slug(heading))


if __name__ == "__main__":
    main()
