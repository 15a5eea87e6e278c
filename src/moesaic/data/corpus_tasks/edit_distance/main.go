package main

import "fmt"

func editDistance(first, second string) int {
	above := make([]int, len(second)+1)
	for j := range above {
		above[j] = j
	}
	for i := range first {
		row := []int{i + 1}
		for j := range second {
			edits := above[j]
			if first[i] != second[j] {
				edits = 1 + min(above[j], min(above[j+1], row[j]))
			}
			row = append(row, edits)
		}
		above = row
	}
	return above[len(second)]
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func main() {
	var first, second string
	fmt.Scan(&first, &second)
	fmt.Println(editDistance(first, second))
}
