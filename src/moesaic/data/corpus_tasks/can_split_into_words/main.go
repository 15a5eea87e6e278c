package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func canSplitIntoWords(text string, words []string) bool {
	reachable := make([]bool, len(text)+1)
	reachable[0] = true
	for start := range text {
		for _, word := range words {
			if reachable[start] && strings.HasPrefix(text[start:], word) {
				reachable[start+len(word)] = true
			}
		}
	}
	return reachable[len(text)]
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	words := strings.Fields(in.Text())
	in.Scan()
	if canSplitIntoWords(in.Text(), words) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
