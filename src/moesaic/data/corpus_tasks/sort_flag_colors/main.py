def sort_flag_colors(stripes):
    return "".join(color * stripes.count(color) for color in "rwb")


def main():
    print(sort_flag_colors(input()))


if __name__ == "__main__":
    main()
