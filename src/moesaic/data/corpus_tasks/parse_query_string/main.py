def parse_query_string(address):
    _, _, query = address.partition("?")
    parameters = {}
    for parameter in query.split("&"):
        name, value = parameter.split("=")
        parameters[name] = value.replace("+", " ")
    return parameters


def main():
    address = input()
    for name, value in sorted(parse_query_string(address).items()):
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
