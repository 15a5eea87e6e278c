package main

import (
	"fmt"
	"strings"
)

func hangmanMask(word, guesses string) string {
	return strings.Map(func(letter rune) rune {
		if strings.ContainsRune(guesses, letter) {
			return letter
		}
		return '_'
	}, word)
}

func main() {
	var word, guesses string
	fmt.Scan(&word, &guesses)
	wrong := 0
	for _, guess := range guesses {
		if !strings.ContainsRune(word, guess) {
			wrong++
		}
	}
	fmt.Println(hangmanMask(word, guesses))
	fmt.Println(wrong)
}
