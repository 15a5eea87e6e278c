package main

import "fmt"

func dailyChanges(values []int) []int {
	changes := make([]int, len(values)-1)
	for i := range changes {
		changes[i] = values[i+1] - values[i]
	}
	return changes
}

func main() {
	var values []int
	for {
		var value int
		if _, err := fmt.Scan(&value); err != nil {
			break
		}
		values = append(values, value)
	}
	for _, change := range dailyChanges(values) {
		if change == 0 {
			fmt.Println(0)
		} else {
			fmt.Printf("%+d\n", change)
		}
	}
}
