package main

import "fmt"

func powerOfNumber(base, exponent int) int {
	if exponent == 0 {
		return 1
	}
	half := powerOfNumber(base, exponent/2)
	if exponent%2 == 0 {
		return half * half
	}
	return half * half * base
}

func main() {
	var base, exponent int
	fmt.Scan(&base, &exponent)
	fmt.Println(powerOfNumber(base, exponent))
}
