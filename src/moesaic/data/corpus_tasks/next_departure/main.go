package main

import (
	"fmt"
	"time"
)

func gcd(a, b int) int {
	if b == 0 {
		return a
	}
	return gcd(b, a%b)
}

func nextDeparture(intervals []int) string {
	multiple := 1
	for _, interval := range intervals {
		multiple *= interval / gcd(multiple, interval)
	}
	start := time.Date(2000, 1, 1, 8, 0, 0, 0, time.UTC)
	return start.Add(time.Duration(multiple) * time.Minute).Format("15:04")
}

func main() {
	var intervals []int
	var interval int
	for {
		if _, err := fmt.Scan(&interval); err != nil {
			break
		}
		intervals = append(intervals, interval)
	}
	fmt.Println(nextDeparture(intervals))
}
