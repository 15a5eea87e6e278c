package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func isPalindrome(text string) bool {
	text = strings.ToLower(text)
	for i, j := 0, len(text)-1; i < j; i, j = i+1, j-1 {
		if text[i] != text[j] {
			return false
		}
	}
	return true
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	answer := "no"
	if isPalindrome(in.Text()) {
		answer = "yes"
	}
	fmt.Println(answer)
}
