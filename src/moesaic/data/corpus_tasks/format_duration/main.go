package main

import (
	"fmt"
	"strings"
)

func formatDuration(seconds int) string {
	lengths := []int{86400, 3600, 60, 1}
	var parts []string
	for i, unit := range "dhms" {
		if count := seconds / lengths[i]; count > 0 {
			parts = append(parts, fmt.Sprintf("%d%c", count, unit))
		}
		seconds %= lengths[i]
	}
	if len(parts) == 0 {
		return "0s"
	}
	return strings.Join(parts, " ")
}

func main() {
	var seconds int
	fmt.Scan(&seconds)
	fmt.Println(formatDuration(seconds))
}
