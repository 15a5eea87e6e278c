package main

import "fmt"

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func cheapestClimb(costs []int) int {
	beforeLast, last := 0, 0
	for _, cost := range costs {
		beforeLast, last = last, cost+min(beforeLast, last)
	}
	return min(beforeLast, last)
}

func main() {
	var costs []int
	var cost int
	for {
		if _, err := fmt.Scan(&cost); err != nil {
			break
		}
		costs = append(costs, cost)
	}
	fmt.Println(cheapestClimb(costs))
}
