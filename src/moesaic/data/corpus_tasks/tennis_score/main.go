package main

import (
	"fmt"
	"strings"
)

func tennisScore(points string) string {
	calls := []string{"0", "15", "30", "40"}
	a, b := strings.Count(points, "A"), strings.Count(points, "B")
	leader, high, low := "A", a, b
	if b > a {
		leader, high, low = "B", b, a
	}
	switch {
	case high >= 4 && high-low >= 2:
		return "game " + leader
	case low < 3:
		return calls[a] + "-" + calls[b]
	case high == low:
		return "deuce"
	default:
		return "advantage " + leader
	}
}

func main() {
	var points string
	fmt.Scan(&points)
	fmt.Println(tennisScore(points))
}
