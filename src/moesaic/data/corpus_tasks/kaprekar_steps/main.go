package main

import (
	"fmt"
	"sort"
)

func kaprekarSteps(number int) int {
	steps := 0
	for number != 6174 {
		digits := make([]int, 4)
		for i := range digits {
			digits[i] = number % 10
			number /= 10
		}
		sort.Ints(digits)
		small, large := 0, 0
		for i := range digits {
			small = small*10 + digits[i]
			large = large*10 + digits[3-i]
		}
		number = large - small
		steps++
	}
	return steps
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(kaprekarSteps(number))
}
