package main

import (
	"bufio"
	"fmt"
	"os"
)

func balancedBrackets(text string) bool {
	partners := map[rune]rune{'(': ')', '[': ']', '{': '}'}
	var stack []rune
	for _, symbol := range text {
		switch symbol {
		case '(', '[', '{':
			stack = append(stack, partners[symbol])
		case ')', ']', '}':
			last := len(stack) - 1
			if last < 0 || stack[last] != symbol {
				return false
			}
			stack = stack[:last]
		}
	}
	return len(stack) == 0
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	if balancedBrackets(in.Text()) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
