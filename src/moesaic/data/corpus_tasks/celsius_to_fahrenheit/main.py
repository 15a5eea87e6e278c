def celsius_to_fahrenheit(celsius):
    return celsius * 9 / 5 + 32


def main():
    celsius = float(input())
    print(f"{celsius_to_fahrenheit(celsius):.1f}")


if __name__ == "__main__":
    main()
