package main

import (
	"fmt"
	"sort"
	"strings"
)

func sortLetters(word string) string {
	letters := strings.Split(word, "")
	sort.Strings(letters)
	return strings.Join(letters, "")
}

func areAnagrams(first, second string) bool {
	return sortLetters(first) == sortLetters(second)
}

func main() {
	var first, second string
	fmt.Scan(&first, &second)
	if areAnagrams(first, second) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
