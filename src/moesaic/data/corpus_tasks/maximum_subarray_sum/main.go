package main

import "fmt"

func maximumSubarraySum(numbers []int) int {
	best := numbers[0]
	current := 0
	for _, number := range numbers {
		current += number
		if number > current {
			current = number
		}
		if current > best {
			best = current
		}
	}
	return best
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
	fmt.Println(maximumSubarraySum(numbers))
}
