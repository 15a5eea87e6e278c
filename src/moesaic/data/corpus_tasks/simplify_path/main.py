def simplify_path(path):
    stack = []
    for name in path.split("/"):
        if name == "..":
            if stack:
                stack.pop()
        elif name not in ("", "."):
            stack.append(name)
    return "/" + "/".join(stack)


def main():
    path = input()
    print(simplify_path(path))


if __name__ == "__main__":
    main()
