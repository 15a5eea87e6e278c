package main

import "fmt"

func eulerTotient(n int) int {
	totient := n
	for p := 2; p*p <= n; p++ {
		if n%p == 0 {
			totient -= totient / p
		}
		for n%p == 0 {
			n /= p
		}
	}
	if n > 1 {
		totient -= totient / n
	}
	return totient
}

func main() {
	var n int
	fmt.Scan(&n)
	fmt.Println(eulerTotient(n))
}
