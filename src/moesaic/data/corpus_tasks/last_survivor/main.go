package main

import "fmt"

func lastSurvivor(children, k int) []int {
	circle := make([]int, children)
	for i := range circle {
		circle[i] = i + 1
	}
	var order []int
	place := 0
	for len(circle) > 0 {
		place = (place + k - 1) % len(circle)
		order = append(order, circle[place])
		circle = append(circle[:place], circle[place+1:]...)
	}
	return order
}

func main() {
	var children, k int
	fmt.Scan(&children, &k)
	order := lastSurvivor(children, k)
	for _, child := range order[:children-1] {
		fmt.Print(child, " ")
	}
	fmt.Println(order[children-1])
}
