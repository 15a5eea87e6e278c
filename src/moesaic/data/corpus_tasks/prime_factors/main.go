package main

import "fmt"

func primeFactors(number int) []int {
	var factors []int
	for divisor := 2; divisor*divisor <= number; divisor++ {
		for number%divisor == 0 {
			factors = append(factors, divisor)
			number /= divisor
		}
	}
	if number > 1 {
		factors = append(factors, number)
	}
	return factors
}

func main() {
	var number int
	fmt.Scan(&number)
	for _, factor := range primeFactors(number) {
		fmt.Println(factor)
	}
}
