package main

import "fmt"

func collatzSteps(number int) int {
	steps := 0
	for number != 1 {
		if number%2 == 0 {
			number /= 2
		} else {
			number = 3*number + 1
		}
		steps++
	}
	return steps
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(collatzSteps(number))
}
