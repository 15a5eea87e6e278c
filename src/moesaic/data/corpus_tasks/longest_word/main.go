package main

import (
	"bufio"
	"fmt"
	"os"
)

func longestWord(words *bufio.Scanner) string {
	longest := ""
	for words.Scan() {
		if len(words.Text()) > len(longest) {
			longest = words.Text()
		}
	}
	return longest
}

func main() {
	words := bufio.NewScanner(os.Stdin)
	words.Split(bufio.ScanWords)
	fmt.Println(longestWord(words))
}
