package main

import (
	"fmt"
	"strings"
)

func rulerMarks(depth int) []string {
	if depth == 0 {
		return nil
	}
	half := rulerMarks(depth - 1)
	marks := append([]string{}, half...)
	marks = append(marks, strings.Repeat("-", depth))
	return append(marks, half...)
}

func main() {
	var depth int
	fmt.Scan(&depth)
	for _, mark := range rulerMarks(depth) {
		fmt.Println(mark)
	}
}
