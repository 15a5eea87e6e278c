package main

import (
	"fmt"
	"strings"
)

func ticTacToeWinner(rows [3]string) string {
	lines := rows[:]
	down, up := "", ""
	for i := range rows {
		column := ""
		for _, row := range rows {
			column += row[i : i+1]
		}
		lines = append(lines, column)
		down += rows[i][i : i+1]
		up += rows[i][2-i : 3-i]
	}
	for _, line := range append(lines, down, up) {
		if line == "XXX" || line == "OOO" {
			return line[:1]
		}
	}
	if strings.Contains(strings.Join(rows[:], ""), ".") {
		return "open"
	}
	return "draw"
}

func main() {
	var rows [3]string
	fmt.Scan(&rows[0], &rows[1], &rows[2])
	fmt.Println(ticTacToeWinner(rows))
}
