package main

import "fmt"

func sumOfDigits(number int) int {
	total := 0
	for number > 0 {
		total += number % 10
		number /= 10
	}
	return total
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(sumOfDigits(number))
}
