package main

import "fmt"

func rotateMatrix(matrix [][]int) [][]int {
	rows, columns := len(matrix), len(matrix[0])
	turned := make([][]int, columns)
	for j := range turned {
		for i := rows - 1; i >= 0; i-- {
			turned[j] = append(turned[j], matrix[i][j])
		}
	}
	return turned
}

func main() {
	var rows, columns int
	fmt.Scan(&rows, &columns)
	matrix := make([][]int, rows)
	for i := range matrix {
		matrix[i] = make([]int, columns)
		for j := 0; j < columns; j++ {
			fmt.Scan(&matrix[i][j])
		}
	}
	for _, row := range rotateMatrix(matrix) {
		fmt.Print(row[0])
		for _, number := range row[1:] {
			fmt.Print(" ", number)
		}
		fmt.Println()
	}
}
