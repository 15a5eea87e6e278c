package main

import "fmt"

func mergeSort(numbers []int) []int {
	if len(numbers) < 2 {
		return numbers
	}
	middle := len(numbers) / 2
	left, right := mergeSort(numbers[:middle]), mergeSort(numbers[middle:])
	merged := make([]int, 0, len(numbers))
	for len(left) > 0 && len(right) > 0 {
		if left[0] <= right[0] {
			merged = append(merged, left[0])
			left = left[1:]
		} else {
			merged = append(merged, right[0])
			right = right[1:]
		}
	}
	merged = append(merged, left...)
	return append(merged, right...)
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
	for i, number := range mergeSort(numbers) {
		if i > 0 {
			fmt.Print(" ")
		}
		fmt.Print(number)
	}
	fmt.Println()
}
