package main

import "fmt"

type board []string

func (b board) alive(row, column int) bool {
	if row < 0 || row >= len(b) || column < 0 || column >= len(b[row]) {
		return false
	}
	return b[row][column] == '#'
}

func (b board) gameOfLife() board {
	next := make(board, len(b))
	for i := range b {
		for j := range b[i] {
			count := 0
			for k := 0; k < 9; k++ {
				if k != 4 && b.alive(i+k/3-1, j+k%3-1) {
					count++
				}
			}
			if count == 3 || count == 2 && b.alive(i, j) {
				next[i] += "#"
			} else {
				next[i] += "."
			}
		}
	}
	return next
}

func main() {
	var rows int
	fmt.Scan(&rows)
	b := make(board, rows)
	for i := range b {
		fmt.Scan(&b[i])
	}
	for _, row := range b.gameOfLife() {
		fmt.Println(row)
	}
}
