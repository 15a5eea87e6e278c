package main

import (
	"fmt"
	"strings"
)

type place struct {
	row, column, steps int
}

func shortestMazePath(maze []string) int {
	visited := make(map[[2]int]bool)
	var queue []place
	for row, cells := range maze {
		if column := strings.IndexByte(cells, 'S'); column >= 0 {
			queue = append(queue, place{row, column, 0})
		}
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		inside := p.row >= 0 && p.row < len(maze) && p.column >= 0 && p.column < len(maze[0])
		if !inside || maze[p.row][p.column] == '#' || visited[[2]int{p.row, p.column}] {
			continue
		}
		if maze[p.row][p.column] == 'E' {
			return p.steps
		}
		visited[[2]int{p.row, p.column}] = true
		queue = append(queue, place{p.row - 1, p.column, p.steps + 1}, place{p.row + 1, p.column, p.steps + 1})
		queue = append(queue, place{p.row, p.column - 1, p.steps + 1}, place{p.row, p.column + 1, p.steps + 1})
	}
	return -1
}

func main() {
	var maze []string
	var row string
	for _, err := fmt.Scan(&row); err == nil; _, err = fmt.Scan(&row) {
		maze = append(maze, row)
	}
	fmt.Println(shortestMazePath(maze))
}
