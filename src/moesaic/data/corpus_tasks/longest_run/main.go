package main

import "fmt"

func longestRun(word string) (letter byte, length int) {
	start := 0
	for i := range word {
		if word[i] != word[start] {
			start = i
		}
		if i-start+1 > length {
			letter, length = word[i], i-start+1
		}
	}
	return letter, length
}

func main() {
	var word string
	fmt.Scan(&word)
	letter, length := longestRun(word)
	fmt.Printf("%c %d\n", letter, length)
}
