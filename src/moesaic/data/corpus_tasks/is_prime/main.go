package main

import "fmt"

func isPrime(number int) bool {
	if number < 2 {
		return false
	}
	for divisor := 2; divisor*divisor <= number; divisor++ {
		if number%divisor == 0 {
			return false
		}
	}
	return true
}

func main() {
	var number int
	fmt.Scan(&number)
	if isPrime(number) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
