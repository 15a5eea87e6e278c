package main

import "fmt"

func diagonalDifference(matrix [][]int) int {
	difference := 0
	for i, row := range matrix {
		difference += row[i] - row[len(row)-1-i]
	}
	if difference < 0 {
		return -difference
	}
	return difference
}

func main() {
	var size int
	fmt.Scan(&size)
	matrix := make([][]int, size)
	for i := range matrix {
		matrix[i] = make([]int, size)
		for j := range matrix[i] {
			fmt.Scan(&matrix[i][j])
		}
	}
	fmt.Println(diagonalDifference(matrix))
}
