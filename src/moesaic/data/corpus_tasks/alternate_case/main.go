package main

import (
	"bufio"
	"fmt"
	"os"
	"unicode"
)

func alternateCase(text string) string {
	symbols := []rune(text)
	upper := true
	for i, symbol := range symbols {
		if !unicode.IsLetter(symbol) {
			continue
		}
		if upper {
			symbols[i] = unicode.ToUpper(symbol)
		} else {
			symbols[i] = unicode.ToLower(symbol)
		}
		upper = !upper
	}
	return string(symbols)
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	fmt.Println(alternateCase(in.Text()))
}
