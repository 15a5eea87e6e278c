package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func reverseWords(text string) string {
	words := strings.Fields(text)
	for i, j := 0, len(words)-1; i < j; i, j = i+1, j-1 {
		words[i], words[j] = words[j], words[i]
	}
	return strings.Join(words, " ")
}

func main() {
	text, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(reverseWords(text))
}
