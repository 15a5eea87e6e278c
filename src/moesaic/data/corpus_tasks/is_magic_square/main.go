package main

import "fmt"

func isMagicSquare(square [][]int) bool {
	size := len(square)
	sums := make(map[int]bool)
	down, up := 0, 0
	for i, row := range square {
		rowSum, columnSum := 0, 0
		for j := range row {
			rowSum += row[j]
			columnSum += square[j][i]
		}
		sums[rowSum] = true
		sums[columnSum] = true
		down += row[i]
		up += row[size-1-i]
	}
	sums[down] = true
	sums[up] = true
	return len(sums) == 1
}

func main() {
	var size int
	fmt.Scan(&size)
	square := make([][]int, size)
	for i := range square {
		square[i] = make([]int, size)
		for j := range square[i] {
			fmt.Scan(&square[i][j])
		}
	}
	if isMagicSquare(square) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
