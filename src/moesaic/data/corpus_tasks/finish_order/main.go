package main

import "fmt"

type job struct {
	id, time int
}

func finishOrder(turn int, queue []job) {
	for len(queue) > 0 {
		front := queue[0]
		queue = queue[1:]
		if front.time > turn {
			queue = append(queue, job{front.id, front.time - turn})
		} else {
			fmt.Println(front.id)
		}
	}
}

func main() {
	var turn, time int
	fmt.Scan(&turn)
	var queue []job
	for {
		if _, err := fmt.Scan(&time); err != nil {
			break
		}
		queue = append(queue, job{len(queue) + 1, time})
	}
	finishOrder(turn, queue)
}
