package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func moveZeros(fields []string) []string {
	moved := make([]string, 0, len(fields))
	for _, field := range fields {
		if field != "0" {
			moved = append(moved, field)
		}
	}
	for len(moved) < len(fields) {
		moved = append(moved, "0")
	}
	return moved
}

func main() {
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(strings.Join(moveZeros(strings.Fields(line)), "\n"))
}
