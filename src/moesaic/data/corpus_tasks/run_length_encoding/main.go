package main

import (
	"fmt"
	"strings"
)

func runLengthEncoding(word string) string {
	var encoded strings.Builder
	count := 0
	for i := range word {
		count++
		if i+1 == len(word) || word[i] != word[i+1] {
			fmt.Fprintf(&encoded, "%c%d", word[i], count)
			count = 0
		}
	}
	return encoded.String()
}

func main() {
	var word string
	fmt.Scan(&word)
	fmt.Println(runLengthEncoding(word))
}
