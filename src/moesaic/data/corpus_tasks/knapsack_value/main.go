package main

import "fmt"

type item struct {
	weight, value int
}

func knapsackValue(items []item, capacity int) int {
	best := make([]int, capacity+1)
	for _, it := range items {
		for room := capacity; room >= it.weight; room-- {
			if value := best[room-it.weight] + it.value; value > best[room] {
				best[room] = value
			}
		}
	}
	return best[capacity]
}

func main() {
	var capacity int
	fmt.Scan(&capacity)
	var items []item
	for {
		var it item
		if _, err := fmt.Scan(&it.weight, &it.value); err != nil {
			break
		}
		items = append(items, it)
	}
	fmt.Println(knapsackValue(items, capacity))
}
