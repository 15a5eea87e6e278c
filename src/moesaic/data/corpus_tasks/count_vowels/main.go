package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func countVowels(text string) int {
	count := 0
	for _, letter := range strings.ToLower(text) {
		if strings.ContainsRune("aeiou", letter) {
			count++
		}
	}
	return count
}

func main() {
	in := bufio.NewReader(os.Stdin)
	text, _ := in.ReadString('\n')
	fmt.Println(countVowels(text))
}
