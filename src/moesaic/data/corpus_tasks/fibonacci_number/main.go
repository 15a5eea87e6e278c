package main

import "fmt"

func fibonacciNumber(n int) int {
	current, next := 0, 1
	for i := 0; i < n; i++ {
		current, next = next, current+next
	}
	return current
}

func main() {
	var n int
	fmt.Scan(&n)
	fmt.Println(fibonacciNumber(n))
}
