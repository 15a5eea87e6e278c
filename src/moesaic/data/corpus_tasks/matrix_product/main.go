package main

import "fmt"

func readMatrix(size int) [][]int {
	matrix := make([][]int, size)
	for i := range matrix {
		matrix[i] = make([]int, size)
		for j := range matrix[i] {
			fmt.Scan(&matrix[i][j])
		}
	}
	return matrix
}

func matrixProduct(first, second [][]int) [][]int {
	size := len(first)
	product := make([][]int, size)
	for i, row := range first {
		product[i] = make([]int, size)
		for k, number := range row {
			for j := range product[i] {
				product[i][j] += number * second[k][j]
			}
		}
	}
	return product
}

func main() {
	var size int
	fmt.Scan(&size)
	first := readMatrix(size)
	second := readMatrix(size)
	for _, row := range matrixProduct(first, second) {
		for j, number := range row {
			if j > 0 {
				fmt.Print(" ")
			}
			fmt.Print(number)
		}
		fmt.Println()
	}
}
