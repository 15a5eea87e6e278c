package main

import "fmt"

func searchInMatrix(matrix [][]int, target int) (int, int, bool) {
	column := len(matrix[0]) - 1
	for row := range matrix {
		for column >= 0 && matrix[row][column] > target {
			column--
		}
		if column < 0 {
			break
		}
		if matrix[row][column] == target {
			return row + 1, column + 1, true
		}
	}
	return 0, 0, false
}

func main() {
	var target, rows, columns int
	fmt.Scan(&target, &rows, &columns)
	matrix := make([][]int, rows)
	for i := range matrix {
		matrix[i] = make([]int, columns)
		for j := range matrix[i] {
			fmt.Scan(&matrix[i][j])
		}
	}
	row, column, found := searchInMatrix(matrix, target)
	if !found {
		fmt.Println("absent")
		return
	}
	fmt.Println(row, column)
}
