package main

import (
	"fmt"
	"strconv"
	"strings"
)

func newerVersion(first, second string) string {
	a, b := first, second
	for a != "" || b != "" {
		var headA, headB string
		headA, a, _ = strings.Cut(a, ".")
		headB, b, _ = strings.Cut(b, ".")
		one, _ := strconv.Atoi(headA)
		other, _ := strconv.Atoi(headB)
		if one > other {
			return first
		}
		if one < other {
			return second
		}
	}
	return "equal"
}

func main() {
	var first, second string
	fmt.Scan(&first, &second)
	fmt.Println(newerVersion(first, second))
}
