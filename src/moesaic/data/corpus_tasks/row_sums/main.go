package main

import "fmt"

func rowSums(matrix [][]int) []int {
	sums := make([]int, len(matrix))
	for i, row := range matrix {
		for _, number := range row {
			sums[i] += number
		}
	}
	return sums
}

func main() {
	var rows, columns int
	fmt.Scan(&rows, &columns)
	matrix := make([][]int, rows)
	for i := range matrix {
		matrix[i] = make([]int, columns)
		for j := range matrix[i] {
			fmt.Scan(&matrix[i][j])
		}
	}
	for _, sum := range rowSums(matrix) {
		fmt.Println(sum)
	}
}
