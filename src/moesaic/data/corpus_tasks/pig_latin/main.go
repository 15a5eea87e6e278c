package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func pigLatin(word string) string {
	start := strings.IndexAny(word, "aeiou")
	switch start {
	case 0:
		return word + "way"
	case -1:
		return word + "ay"
	}
	return word[start:] + word[:start] + "ay"
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	words := strings.Fields(in.Text())
	for i, word := range words {
		words[i] = pigLatin(word)
	}
	fmt.Println(strings.Join(words, " "))
}
