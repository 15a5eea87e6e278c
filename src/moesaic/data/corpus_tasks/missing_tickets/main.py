def missing_tickets(tickets):
    expected = range(min(tickets), max(tickets) + 1)
    return sorted(set(expected) - set(tickets))


def main():
    tickets = [int(ticket) for ticket in input().split()]
    missing = missing_tickets(tickets)
    print(*(missing or ["complete"]), sep="\n")


if __name__ == "__main__":
    main()
