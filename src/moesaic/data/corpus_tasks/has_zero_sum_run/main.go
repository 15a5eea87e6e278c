package main

import "fmt"

func hasZeroSumRun(numbers []int) bool {
	seen := map[int]struct{}{0: {}}
	sum := 0
	for _, number := range numbers {
		sum += number
		if _, found := seen[sum]; found {
			return true
		}
		seen[sum] = struct{}{}
	}
	return false
}

func main() {
	var numbers []int
	for {
		var number int
		if _, err := fmt.Scan(&number); err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	answer := map[bool]string{true: "yes", false: "no"}
	fmt.Println(answer[hasZeroSumRun(numbers)])
}
