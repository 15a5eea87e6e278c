package main

import (
	"fmt"
	"strings"
)

func sortFlagColors(stripes string) string {
	sorted := ""
	for _, color := range []string{"r", "w", "b"} {
		sorted += strings.Repeat(color, strings.Count(stripes, color))
	}
	return sorted
}

func main() {
	var stripes string
	fmt.Scan(&stripes)
	fmt.Println(sortFlagColors(stripes))
}
