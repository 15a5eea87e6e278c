package main

import "fmt"

func grayCode(index int) int {
	return index ^ index>>1
}

func main() {
	var bits int
	fmt.Scan(&bits)
	for index := 0; index < 1<<bits; index++ {
		fmt.Printf("%0*b\n", bits, grayCode(index))
	}
}
