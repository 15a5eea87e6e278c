package main

import "fmt"

func subsetWithSum(weights []int, target int) bool {
	switch {
	case target == 0:
		return true
	case target < 0 || len(weights) == 0:
		return false
	}
	rest := weights[1:]
	return subsetWithSum(rest, target) || subsetWithSum(rest, target-weights[0])
}

func main() {
	var target, weight int
	fmt.Scan(&target)
	var weights []int
	for {
		if _, err := fmt.Scan(&weight); err != nil {
			break
		}
		weights = append(weights, weight)
	}
	if subsetWithSum(weights, target) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
