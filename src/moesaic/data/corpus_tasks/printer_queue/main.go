package main

import (
	"fmt"
	"sort"
)

type document struct {
	name     string
	priority int
}

func printerQueue(queue []document) []document {
	if len(queue) == 0 {
		fmt.Println("idle")
		return queue
	}
	fmt.Println(queue[0].name)
	return queue[1:]
}

func main() {
	var queue []document
	var command string
	for {
		if _, err := fmt.Scan(&command); err != nil {
			break
		}
		if command == "print" {
			queue = printerQueue(queue)
			continue
		}
		var d document
		fmt.Scan(&d.name, &d.priority)
		queue = append(queue, d)
		sort.SliceStable(queue, func(i, j int) bool {
			return queue[i].priority > queue[j].priority
		})
	}
}
