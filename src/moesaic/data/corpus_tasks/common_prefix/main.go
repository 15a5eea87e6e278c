package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func commonPrefix(words []string) string {
	prefix := words[0]
	for _, word := range words[1:] {
		for !strings.HasPrefix(word, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	prefix := commonPrefix(strings.Fields(in.Text()))
	if prefix == "" {
		prefix = "none"
	}
	fmt.Println(prefix)
}
