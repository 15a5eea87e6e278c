package main

import "fmt"

func insertionSort(numbers []int) []int {
	for i, number := range numbers {
		gap := i
		for gap > 0 && numbers[gap-1] < number {
			numbers[gap] = numbers[gap-1]
			gap--
		}
		numbers[gap] = number
	}
	return numbers
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
	for _, number := range insertionSort(numbers) {
		fmt.Println(number)
	}
}
