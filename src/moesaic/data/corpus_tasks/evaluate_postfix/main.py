import operator

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def evaluate_postfix(words):
    stack = []
    for word in words:
        if word in OPERATORS:
            right = stack.pop()
            left = stack.pop()
            stack.append(OPERATORS[word](left, right))
        else:
            stack.append(int(word))
    return stack.pop()


def main():
    words = input().split()
    print(evaluate_postfix(words))


if __name__ == "__main__":
    main()
