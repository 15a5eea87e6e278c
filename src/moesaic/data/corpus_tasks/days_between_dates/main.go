package main

import (
	"fmt"
	"time"
)

func daysBetweenDates(first, second time.Time) int {
	if second.Before(first) {
		first, second = second, first
	}
	return int(second.Sub(first).Hours()) / 24
}

func main() {
	var first, second string
	fmt.Scan(&first, &second)
	start, _ := time.Parse("2006-01-02", first)
	end, _ := time.Parse("2006-01-02", second)
	fmt.Println(daysBetweenDates(start, end))
}
