package main

import "fmt"

func multiplicationTable(number int) {
	for factor := 1; factor <= 10; factor++ {
		fmt.Printf("%d x %d = %d\n", number, factor, number*factor)
	}
}

func main() {
	var number int
	fmt.Scan(&number)
	multiplicationTable(number)
}
