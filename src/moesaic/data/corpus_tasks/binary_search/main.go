package main

import "fmt"

func binarySearch(numbers []int, target int) int {
	low, high := 0, len(numbers)
	for low < high {
		middle := (low + high) / 2
		switch {
		case numbers[middle] == target:
			return middle
		case numbers[middle] < target:
			low = middle + 1
		default:
			high = middle
		}
	}
	return -1
}

func main() {
	var target, number int
	fmt.Scan(&target)
	var numbers []int
	for {
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	fmt.Println(binarySearch(numbers, target))
}
