import sys


def parse_settings(lines):
    section = ""
    for line in lines:
        line = line.strip()
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, value = line.split("=", 1)
            yield f"{section}.{name.strip()}={value.strip()}"


def main():
    for setting in parse_settings(sys.stdin):
        print(setting)


if __name__ == "__main__":
    main()
