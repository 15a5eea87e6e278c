package main

import "fmt"

func pairsWithSum(numbers []int, target int) int {
	count := 0
	for i, first := range numbers {
		for _, second := range numbers[i+1:] {
			if first+second == target {
				count++
			}
		}
	}
	return count
}

func main() {
	var target, number int
	fmt.Scan(&target)
	var numbers []int
	for {
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	fmt.Println(pairsWithSum(numbers, target))
}
