package main

import "fmt"

func largestNumber(numbers []int) int {
	largest := numbers[0]
	for _, number := range numbers[1:] {
		if number > largest {
			largest = number
		}
	}
	return largest
}

func main() {
	var numbers []int
	var number int
	for {
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	fmt.Println(largestNumber(numbers))
}
