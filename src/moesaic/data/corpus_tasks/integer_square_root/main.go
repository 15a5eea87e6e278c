package main

import (
	"fmt"
	"sort"
)

func integerSquareRoot(number int) int {
	above := sort.Search(number+1, func(root int) bool {
		return root*root > number
	})
	if above == 0 {
		return 0
	}
	return above - 1
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(integerSquareRoot(number))
}
