package main

import "fmt"

func minesAround(field []string, row, column int) int {
	mines := 0
	for i := row - 1; i <= row+1; i++ {
		for j := column - 1; j <= column+1; j++ {
			if i < 0 || i >= len(field) || j < 0 || j >= len(field[i]) {
				continue
			}
			if field[i][j] == '*' {
				mines++
			}
		}
	}
	return mines
}

func minesweeperNumbers(field []string) {
	for i, line := range field {
		for j, square := range line {
			if square == '*' {
				fmt.Print("*")
			} else {
				fmt.Print(minesAround(field, i, j))
			}
		}
		fmt.Println()
	}
}

func main() {
	var rows int
	fmt.Scan(&rows)
	field := make([]string, rows)
	for i := range field {
		fmt.Scan(&field[i])
	}
	minesweeperNumbers(field)
}
