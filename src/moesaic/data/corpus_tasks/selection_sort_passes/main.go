package main

import (
	"fmt"
	"strings"
)

func selectionSortPasses(numbers []int) {
	for start := range numbers[1:] {
		smallest := start
		for i := start + 1; i < len(numbers); i++ {
			if numbers[i] < numbers[smallest] {
				smallest = i
			}
		}
		numbers[start], numbers[smallest] = numbers[smallest], numbers[start]
		fmt.Println(strings.Trim(fmt.Sprint(numbers), "[]"))
	}
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
	selectionSortPasses(numbers)
}
