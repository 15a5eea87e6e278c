package main

import (
	"fmt"
	"sort"
)

func passCost(days []int, dayTicket, weekPass int) int {
	costs := make([]int, len(days)+1)
	for i := len(days) - 1; i >= 0; i-- {
		afterPass := sort.SearchInts(days, days[i]+7)
		costs[i] = costs[i+1] + dayTicket
		if withPass := costs[afterPass] + weekPass; withPass < costs[i] {
			costs[i] = withPass
		}
	}
	return costs[0]
}

func main() {
	var dayTicket, weekPass, day int
	fmt.Scan(&dayTicket, &weekPass)
	var days []int
	for {
		if _, err := fmt.Scan(&day); err != nil {
			break
		}
		days = append(days, day)
	}
	fmt.Println(passCost(days, dayTicket, weekPass))
}
