package main

import "fmt"

func isLeapYear(year int) bool {
	if year%100 == 0 {
		return year%400 == 0
	}
	return year%4 == 0
}

func main() {
	var year int
	fmt.Scan(&year)
	if isLeapYear(year) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
