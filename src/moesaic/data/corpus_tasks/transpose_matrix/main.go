package main

import (
	"fmt"
	"strings"
)

func transposeMatrix(matrix [][]string) [][]string {
	transposed := make([][]string, len(matrix[0]))
	for _, row := range matrix {
		for column, number := range row {
			transposed[column] = append(transposed[column], number)
		}
	}
	return transposed
}

func main() {
	var rows, columns int
	fmt.Scan(&rows, &columns)
	matrix := make([][]string, rows)
	for i := range matrix {
		matrix[i] = make([]string, columns)
		for j := range matrix[i] {
			fmt.Scan(&matrix[i][j])
		}
	}
	for _, row := range transposeMatrix(matrix) {
		fmt.Println(strings.Join(row, " "))
	}
}
