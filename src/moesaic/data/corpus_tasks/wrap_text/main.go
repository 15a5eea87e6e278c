package main

import (
	"bufio"
	"fmt"
	"os"
)

func wrapText(words *bufio.Scanner, width int) []string {
	var lines []string
	for words.Scan() {
		word := words.Text()
		last := len(lines) - 1
		if last >= 0 && len(lines[last])+1+len(word) <= width {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

func main() {
	in := bufio.NewReader(os.Stdin)
	var width int
	fmt.Fscan(in, &width)
	words := bufio.NewScanner(in)
	words.Split(bufio.ScanWords)
	for _, line := range wrapText(words, width) {
		fmt.Println(line)
	}
}
