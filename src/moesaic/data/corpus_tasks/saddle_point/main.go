package main

import "fmt"

type matrix [][]int

func (m matrix) isSaddle(row, column int) bool {
	for _, number := range m[row] {
		if number < m[row][column] {
			return false
		}
	}
	for i := range m {
		if m[i][column] > m[row][column] {
			return false
		}
	}
	return true
}

func (m matrix) saddlePoint() (row, column int, found bool) {
	for i := range m {
		for j := range m[i] {
			if m.isSaddle(i, j) {
				return i + 1, j + 1, true
			}
		}
	}
	return 0, 0, false
}

func main() {
	var rows, columns int
	fmt.Scan(&rows, &columns)
	m := make(matrix, rows)
	for i := range m {
		m[i] = make([]int, columns)
		for j := range m[i] {
			fmt.Scan(&m[i][j])
		}
	}
	if row, column, found := m.saddlePoint(); found {
		fmt.Println(row, column)
	} else {
		fmt.Println("none")
	}
}
