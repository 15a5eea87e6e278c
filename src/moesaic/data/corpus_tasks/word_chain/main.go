package main

import "fmt"

func wordChain(words []string) bool {
	for i := 1; i < len(words); i++ {
		before := words[i-1]
		if before[len(before)-1] != words[i][0] {
			return false
		}
	}
	return true
}

func main() {
	var words []string
	var word string
	for {
		if _, err := fmt.Scan(&word); err != nil {
			break
		}
		words = append(words, word)
	}
	answer := "no"
	if wordChain(words) {
		answer = "yes"
	}
	fmt.Println(answer)
}
