package main

import (
	"fmt"
	"strconv"
)

func fizzBuzz(number int) string {
	switch {
	case number%15 == 0:
		return "FizzBuzz"
	case number%3 == 0:
		return "Fizz"
	case number%5 == 0:
		return "Buzz"
	default:
		return strconv.Itoa(number)
	}
}

func main() {
	var n int
	fmt.Scan(&n)
	for number := 1; number <= n; number++ {
		fmt.Println(fizzBuzz(number))
	}
}
