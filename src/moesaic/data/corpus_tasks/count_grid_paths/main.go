package main

import "fmt"

func countGridPaths(grid []string) int {
	paths := make([]int, len(grid[0]))
	paths[0] = 1
	for _, row := range grid {
		for column, cell := range row {
			if cell == '#' {
				paths[column] = 0
			} else if column > 0 {
				paths[column] += paths[column-1]
			}
		}
	}
	return paths[len(paths)-1]
}

func main() {
	var grid []string
	var row string
	for {
		if _, err := fmt.Scan(&row); err != nil {
			break
		}
		grid = append(grid, row)
	}
	fmt.Println(countGridPaths(grid))
}
