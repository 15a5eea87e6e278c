package main

import "fmt"

func borderSum(matrix [][]int) int {
	sum := 0
	lastRow := len(matrix) - 1
	for i, row := range matrix {
		lastColumn := len(row) - 1
		for j, number := range row {
			if i == 0 || i == lastRow || j == 0 || j == lastColumn {
				sum += number
			}
		}
	}
	return sum
}

func main() {
	var rows, columns int
	fmt.Scan(&rows, &columns)
	matrix := make([][]int, rows)
	for i := range matrix {
		for j := 0; j < columns; j++ {
			var number int
			fmt.Scan(&number)
			matrix[i] = append(matrix[i], number)
		}
	}
	fmt.Println(borderSum(matrix))
}
