package main

import "fmt"

func visit(land [][]byte, row, column int) {
	if row < 0 || row >= len(land) || column < 0 || column >= len(land[row]) || land[row][column] != '#' {
		return
	}
	land[row][column] = '.'
	visit(land, row-1, column)
	visit(land, row+1, column)
	visit(land, row, column-1)
	visit(land, row, column+1)
}

func countIslands(land [][]byte) int {
	islands := 0
	for row := range land {
		for column, cell := range land[row] {
			if cell == '#' && land[row][column] == '#' {
				islands++
				visit(land, row, column)
			}
		}
	}
	return islands
}

func main() {
	var land [][]byte
	var line string
	for {
		if _, err := fmt.Scan(&line); err != nil {
			break
		}
		land = append(land, []byte(line))
	}
	fmt.Println(countIslands(land))
}
