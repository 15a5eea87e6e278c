UNITS = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]


def format_duration(seconds):
    parts = []
    for name, length in UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts) or "0s"


def main():
    seconds = int(input())
    print(format_duration(seconds))


if __name__ == "__main__":
    main()
