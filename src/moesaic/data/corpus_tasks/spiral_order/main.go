package main

import (
	"fmt"
	"strings"
)

func spiralOrder(matrix [][]string) []string {
	var order []string
	for len(matrix) > 0 && len(matrix[0]) > 0 {
		order = append(order, matrix[0]...)
		rest := matrix[1:]
		turned := make([][]string, len(matrix[0]))
		for j := range turned {
			for _, row := range rest {
				turned[j] = append(turned[j], row[len(row)-1-j])
			}
		}
		matrix = turned
	}
	return order
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
	fmt.Println(strings.Join(spiralOrder(matrix), " "))
}
