package main

import (
	"fmt"
	"strings"
)

var values = []int{1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1}
var symbols = []string{"M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"}

func romanNumeral(number int) string {
	var numeral strings.Builder
	for i, value := range values {
		for number >= value {
			numeral.WriteString(symbols[i])
			number -= value
		}
	}
	return numeral.String()
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(romanNumeral(number))
}
