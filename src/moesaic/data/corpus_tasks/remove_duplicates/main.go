package main

import "fmt"

func removeDuplicates(numbers []int) []int {
	seen := make(map[int]bool)
	var unique []int
	for _, number := range numbers {
		if !seen[number] {
			seen[number] = true
			unique = append(unique, number)
		}
	}
	return unique
}

func main() {
	var numbers []int
	for {
		var number int
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	for _, number := range removeDuplicates(numbers) {
		fmt.Println(number)
	}
}
