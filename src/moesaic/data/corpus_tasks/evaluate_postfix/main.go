package main

import (
	"fmt"
	"strconv"
)

func evaluatePostfix(words []string) int {
	var stack []int
	for _, word := range words {
		if number, err := strconv.Atoi(word); err == nil {
			stack = append(stack, number)
			continue
		}
		top := len(stack) - 1
		left, right := stack[top-1], stack[top]
		stack = stack[:top]
		switch word {
		case "+":
			stack[top-1] = left + right
		case "-":
			stack[top-1] = left - right
		case "*":
			stack[top-1] = left * right
		}
	}
	return stack[0]
}

func main() {
	var words []string
	for {
		var word string
		if _, err := fmt.Scan(&word); err != nil {
			break
		}
		words = append(words, word)
	}
	fmt.Println(evaluatePostfix(words))
}
