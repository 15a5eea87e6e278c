package main

import "fmt"

func egyptianFraction(numerator, denominator int) []int {
	var parts []int
	for numerator > 0 {
		part := (denominator + numerator - 1) / numerator
		parts = append(parts, part)
		numerator, denominator = numerator*part-denominator, denominator*part
	}
	return parts
}

func main() {
	var numerator, denominator int
	fmt.Scan(&numerator, &denominator)
	for i, part := range egyptianFraction(numerator, denominator) {
		if i > 0 {
			fmt.Print(" ")
		}
		fmt.Print(part)
	}
	fmt.Println()
}
