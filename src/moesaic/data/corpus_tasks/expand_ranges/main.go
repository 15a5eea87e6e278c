package main

import (
	"fmt"
	"strconv"
	"strings"
)

func expandRanges(order string) []string {
	var pages []string
	for _, entry := range strings.Split(order, ",") {
		start, end, isRange := strings.Cut(entry, "-")
		if !isRange {
			end = start
		}
		first, _ := strconv.Atoi(start)
		last, _ := strconv.Atoi(end)
		for page := first; page <= last; page++ {
			pages = append(pages, strconv.Itoa(page))
		}
	}
	return pages
}

func main() {
	var order string
	fmt.Scan(&order)
	fmt.Println(strings.Join(expandRanges(order), " "))
}
