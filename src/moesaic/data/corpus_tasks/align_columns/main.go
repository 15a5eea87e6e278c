package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func alignColumns(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			if len(cell) > widths[i] {
				widths[i] = len(cell)
			}
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			fmt.Printf("| %-*s ", widths[i], cell)
		}
		fmt.Println("|")
	}
}

func main() {
	var rows [][]string
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		rows = append(rows, strings.Split(in.Text(), ","))
	}
	alignColumns(rows)
}
