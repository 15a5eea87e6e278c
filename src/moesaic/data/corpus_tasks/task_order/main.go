package main

import "fmt"

func taskOrder(waits []int, followers map[int][]int) []int {
	var order []int
	for len(order) < len(waits)-1 {
		task := 1
		for waits[task] != 0 {
			task++
		}
		order = append(order, task)
		waits[task] = -1
		for _, after := range followers[task] {
			waits[after]--
		}
	}
	return order
}

func main() {
	var size, before, after int
	fmt.Scan(&size)
	waits := make([]int, size+1)
	followers := make(map[int][]int)
	for {
		if _, err := fmt.Scan(&before, &after); err != nil {
			break
		}
		followers[before] = append(followers[before], after)
		waits[after]++
	}
	for _, task := range taskOrder(waits, followers) {
		fmt.Println(task)
	}
}
