from ipaddress import ip_address


def same_subnet(first, second, prefix):
    return first >> 32 - prefix == second >> 32 - prefix


def main():
    first = int(ip_address(input()))
    second = int(ip_address(input()))
    prefix = int(input())
    print("yes" if same_subnet(first, second, prefix) else "no")


if __name__ == "__main__":
    main()
