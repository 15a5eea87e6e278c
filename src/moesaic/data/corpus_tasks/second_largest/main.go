package main

import (
	"fmt"
	"sort"
)

func secondLargest(numbers []int) int {
	sort.Sort(sort.Reverse(sort.IntSlice(numbers)))
	for _, number := range numbers {
		if number < numbers[0] {
			return number
		}
	}
	return numbers[0]
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
	fmt.Println(secondLargest(numbers))
}
