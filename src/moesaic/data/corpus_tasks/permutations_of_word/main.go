package main

import (
	"fmt"
	"strings"
)

const alphabet = "abcdefghijklmnopqrstuvwxyz"

func permutationsOfWord(start, rest string) {
	if rest == "" {
		fmt.Println(start)
		return
	}
	for _, letter := range strings.Split(alphabet, "") {
		if strings.Contains(rest, letter) {
			permutationsOfWord(start+letter, strings.Replace(rest, letter, "", 1))
		}
	}
}

func main() {
	var word string
	fmt.Scan(&word)
	permutationsOfWord("", word)
}
