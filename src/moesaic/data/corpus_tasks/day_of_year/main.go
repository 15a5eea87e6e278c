package main

import "fmt"

var lengths = [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func isLeap(year int) bool {
	return year%4 == 0 && (year%100 != 0 || year%400 == 0)
}

func dayOfYear(year, month, day int) int {
	for _, length := range lengths[:month-1] {
		day += length
	}
	if month > 2 && isLeap(year) {
		day++
	}
	return day
}

func main() {
	var year, month, day int
	fmt.Scanf("%d-%d-%d", &year, &month, &day)
	fmt.Println(dayOfYear(year, month, day))
}
