package main

import "fmt"

type node struct {
	value int
	next  *node
}

func sortedLinkedList(head **node, command string, value int) {
	place := head
	for *place != nil && (*place).value < value {
		place = &(*place).next
	}
	if command == "insert" {
		*place = &node{value, *place}
	} else if *place != nil && (*place).value == value {
		*place = (*place).next
	}
}

func main() {
	var head *node
	var command string
	var value int
	for {
		if _, err := fmt.Scan(&command, &value); err != nil {
			break
		}
		sortedLinkedList(&head, command, value)
	}
	if head == nil {
		fmt.Println("empty")
		return
	}
	fmt.Print(head.value)
	for n := head.next; n != nil; n = n.next {
		fmt.Print(" ", n.value)
	}
	fmt.Println()
}
