package main

import (
	"fmt"
	"strings"
)

func railFence(word string, count int) string {
	rails := make([]string, count)
	rail, step := 0, 1
	for _, letter := range word {
		rails[rail] += string(letter)
		if rail == 0 {
			step = 1
		}
		if rail == count-1 {
			step = -1
		}
		if count > 1 {
			rail += step
		}
	}
	return strings.Join(rails, "")
}

func main() {
	var count int
	var word string
	fmt.Scan(&count, &word)
	fmt.Println(railFence(word, count))
}
