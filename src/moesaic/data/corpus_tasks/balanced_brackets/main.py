def balanced_brackets(text):
    partners = {"(": ")", "[": "]", "{": "}"}
    stack = []
    for symbol in text:
        if symbol in partners:
            stack.append(partners[symbol])
        elif symbol in ")]}":
            if not stack or stack.pop() != symbol:
                return False
    return not stack


def main():
    text = input()
    print("yes" if balanced_brackets(text) else "no")


if __name__ == "__main__":
    main()
