package main

import (
	"fmt"
	"time"
)

func weekdayOfDate(year, month, day int) time.Weekday {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Weekday()
}

func main() {
	var year, month, day int
	fmt.Scan(&year, &month, &day)
	fmt.Println(weekdayOfDate(year, month, day))
}
