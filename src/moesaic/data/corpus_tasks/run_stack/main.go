package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func runStack(in io.Reader) {
	var stack []int
	var command string
	for {
		if _, err := fmt.Fscan(in, &command); err != nil {
			return
		}
		if command == "push" {
			var number int
			fmt.Fscan(in, &number)
			stack = append(stack, number)
		} else if len(stack) > 0 {
			fmt.Println(stack[len(stack)-1])
			stack = stack[:len(stack)-1]
		} else {
			fmt.Println("empty")
		}
	}
}

func main() {
	runStack(bufio.NewReader(os.Stdin))
}
