package main

import "fmt"

func rotateList(numbers []int, steps int) []int {
	start := steps % len(numbers)
	rotated := make([]int, 0, len(numbers))
	rotated = append(rotated, numbers[start:]...)
	return append(rotated, numbers[:start]...)
}

func main() {
	var steps, number int
	fmt.Scan(&steps)
	var numbers []int
	for {
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	for _, number := range rotateList(numbers, steps) {
		fmt.Println(number)
	}
}
