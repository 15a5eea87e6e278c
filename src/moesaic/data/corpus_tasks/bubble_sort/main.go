package main

import "fmt"

func bubbleSort(numbers []int) {
	for swapped := true; swapped; {
		swapped = false
		for i := 1; i < len(numbers); i++ {
			if numbers[i-1] > numbers[i] {
				numbers[i-1], numbers[i] = numbers[i], numbers[i-1]
				swapped = true
			}
		}
	}
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
	bubbleSort(numbers)
	for _, number := range numbers {
		fmt.Println(number)
	}
}
