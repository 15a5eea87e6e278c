package main

import "fmt"

func factorial(number int) int {
	if number == 0 {
		return 1
	}
	return number * factorial(number-1)
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(factorial(number))
}
