package main

import "fmt"

func isPrime(number int) bool {
	for divisor := 2; divisor*divisor <= number; divisor++ {
		if number%divisor == 0 {
			return false
		}
	}
	return number > 1
}

func goldbachPair(number int) (int, int) {
	for first := 2; ; first++ {
		if isPrime(first) && isPrime(number-first) {
			return first, number - first
		}
	}
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(goldbachPair(number))
}
