package main

import "fmt"

func recentCalls(queue []int, time int) []int {
	queue = append(queue, time)
	for queue[0] <= time-60 {
		queue = queue[1:]
	}
	return queue
}

func main() {
	var queue []int
	var time int
	for {
		if _, err := fmt.Scan(&time); err != nil {
			break
		}
		queue = recentCalls(queue, time)
		fmt.Println(len(queue))
	}
}
