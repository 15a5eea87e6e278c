package main

import (
	"fmt"
	"strings"
)

func firstUniqueLetter(word string) int {
	for i := range word {
		if strings.Count(word, word[i:i+1]) == 1 {
			return i
		}
	}
	return -1
}

func main() {
	var word string
	fmt.Scan(&word)
	if i := firstUniqueLetter(word); i >= 0 {
		fmt.Printf("%c %d\n", word[i], i+1)
	} else {
		fmt.Println("none")
	}
}
