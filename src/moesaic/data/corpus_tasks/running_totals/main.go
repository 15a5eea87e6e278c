package main

import "fmt"

func runningTotals(numbers []int) []int {
	totals := make([]int, len(numbers))
	total := 0
	for i, number := range numbers {
		total += number
		totals[i] = total
	}
	return totals
}

func main() {
	var numbers []int
	var number int
	for {
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	for _, total := range runningTotals(numbers) {
		fmt.Println(total)
	}
}
