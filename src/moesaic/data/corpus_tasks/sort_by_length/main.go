package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"
)

func sortByLength(words []string) {
	sort.Slice(words, func(i, j int) bool {
		if len(words[i]) != len(words[j]) {
			return len(words[i]) < len(words[j])
		}
		return words[i] < words[j]
	})
}

func main() {
	text, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	words := strings.Fields(text)
	sortByLength(words)
	fmt.Println(strings.Join(words, "\n"))
}
