package main

import "fmt"

func columnMaximums(rows, columns int) []int {
	maximums := make([]int, columns)
	for i := 0; i < rows; i++ {
		for j := range maximums {
			var number int
			fmt.Scan(&number)
			if i == 0 || number > maximums[j] {
				maximums[j] = number
			}
		}
	}
	return maximums
}

func main() {
	var rows, columns int
	fmt.Scan(&rows, &columns)
	for j, maximum := range columnMaximums(rows, columns) {
		if j > 0 {
			fmt.Print(" ")
		}
		fmt.Print(maximum)
	}
	fmt.Println()
}
