package main

import (
	"fmt"
	"strings"
)

func movingMaximum(numbers []int, size int) []int {
	var maximums []int
	for start := 0; start+size <= len(numbers); start++ {
		maximum := numbers[start]
		for _, number := range numbers[start : start+size] {
			if number > maximum {
				maximum = number
			}
		}
		maximums = append(maximums, maximum)
	}
	return maximums
}

func main() {
	var size, number int
	fmt.Scan(&size)
	var numbers []int
	for {
		if n, _ := fmt.Scan(&number); n != 1 {
			break
		}
		numbers = append(numbers, number)
	}
	line := fmt.Sprint(movingMaximum(numbers, size))
	fmt.Println(strings.Trim(line, "[]"))
}
