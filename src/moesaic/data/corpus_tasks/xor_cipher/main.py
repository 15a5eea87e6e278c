from itertools import cycle


def xor_cipher(text, key):
    codes = (a ^ b for a, b in zip(text.encode(), cycle(key.encode())))
    return bytes(codes).hex()


def main():
    key = input()
    text = input()
    print(xor_cipher(text, key))


if __name__ == "__main__":
    main()
