package main

import (
	"fmt"
	"sort"
)

func missingTickets(tickets []int) []int {
	sort.Ints(tickets)
	var missing []int
	expected := tickets[0]
	for _, ticket := range tickets {
		for expected < ticket {
			missing = append(missing, expected)
			expected++
		}
		expected = ticket + 1
	}
	return missing
}

func main() {
	var tickets []int
	for {
		var ticket int
		if _, err := fmt.Scan(&ticket); err != nil {
			break
		}
		tickets = append(tickets, ticket)
	}
	missing := missingTickets(tickets)
	if len(missing) == 0 {
		fmt.Println("complete")
	}
	for _, ticket := range missing {
		fmt.Println(ticket)
	}
}
