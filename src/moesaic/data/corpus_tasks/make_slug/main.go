package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"unicode"
)

func makeSlug(heading string) string {
	words := strings.FieldsFunc(strings.ToLower(heading), func(symbol rune) bool {
		return !unicode.IsLetter(symbol) && !unicode.IsDigit(symbol)
	})
	return strings.Join(words, "-")
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	fmt.Println(makeSlug(in.Text()))
}
