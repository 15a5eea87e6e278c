package main

import (
	"bufio"
	"fmt"
	"os"
	"unicode"
)

func capitalizeWords(text string) string {
	result := []rune(text)
	for i, letter := range result {
		if i == 0 || result[i-1] == ' ' {
			result[i] = unicode.ToUpper(letter)
		}
	}
	return string(result)
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	fmt.Println(capitalizeWords(in.Text()))
}
