package main

import "fmt"

func chunkAverages(numbers []float64, size int) []float64 {
	var averages []float64
	for len(numbers) > 0 {
		if size > len(numbers) {
			size = len(numbers)
		}
		sum := 0.0
		for _, number := range numbers[:size] {
			sum += number
		}
		averages = append(averages, sum/float64(size))
		numbers = numbers[size:]
	}
	return averages
}

func main() {
	var size int
	fmt.Scan(&size)
	var numbers []float64
	var number float64
	for {
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	for _, average := range chunkAverages(numbers, size) {
		fmt.Printf("%.2f\n", average)
	}
}
