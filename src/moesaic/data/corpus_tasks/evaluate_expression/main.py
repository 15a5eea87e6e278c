import re


def evaluate_expression(tokens):
    value = term(tokens)
    while tokens and tokens[0] in "+-":
        if tokens.pop(0) == "+":
            value += term(tokens)
        else:
            value -= term(tokens)
    return value


def term(tokens):
    value = factor(tokens)
    while tokens and tokens[0] == "*":
        tokens.pop(0)
        value *= factor(tokens)
    return value


def factor(tokens):
    token = tokens.pop(0)
    if token != "(":
        return int(token)
    value = evaluate_expression(tokens)
    tokens.pop(0)
    return value


def main():
    tokens = re.findall(r"\d+|[-+*()]", input())
    print(evaluate_expression(tokens))


if __name__ == "__main__":
    main()
