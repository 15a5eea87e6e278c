def caesar_cipher(text, key):
    result = ""
    for letter in text:
        if "a" <= letter <= "z":
            letter = chr((ord(letter) - ord("a") + key) % 26 + ord("a"))
        result += letter
    return result


def main():
    key = int(input())
    text = input()
    print(caesar_cipher(text, key))


if __name__ == "__main__":
    main()
