package main

import "fmt"

func binaryGap(number int) int {
	longest, zeros := 0, 0
	started := false
	for ; number > 0; number >>= 1 {
		switch {
		case number&1 == 0:
			zeros++
		case started && zeros > longest:
			longest = zeros
			zeros = 0
		default:
			started = true
			zeros = 0
		}
	}
	return longest
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(binaryGap(number))
}
