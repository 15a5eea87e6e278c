package main

import "fmt"

func differingPositions(first, second string) []int {
	if len(first) < len(second) {
		first, second = second, first
	}
	var positions []int
	for i := range first {
		if i >= len(second) || first[i] != second[i] {
			positions = append(positions, i+1)
		}
	}
	return positions
}

func main() {
	var first, second string
	fmt.Scan(&first, &second)
	positions := differingPositions(first, second)
	if len(positions) == 0 {
		fmt.Println("same")
		return
	}
	text := fmt.Sprint(positions)
	fmt.Println(text[1 : len(text)-1])
}
