package main

import (
	"fmt"
	"sort"
)

func firstAndLastPosition(numbers []int, target int) (first, last int) {
	first = sort.SearchInts(numbers, target) + 1
	last = sort.SearchInts(numbers, target+1)
	return first, last
}

func main() {
	var target int
	fmt.Scan(&target)
	var numbers []int
	for {
		var number int
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	first, last := firstAndLastPosition(numbers, target)
	if first > last {
		fmt.Println("absent")
	} else {
		fmt.Println(first, last)
	}
}
