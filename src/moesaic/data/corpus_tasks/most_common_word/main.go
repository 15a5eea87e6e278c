package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func mostCommonWord(words *bufio.Scanner) (string, int) {
	counts := make(map[string]int)
	for words.Scan() {
		counts[strings.ToLower(words.Text())]++
	}
	best := ""
	for word, count := range counts {
		if count > counts[best] || count == counts[best] && word < best {
			best = word
		}
	}
	return best, counts[best]
}

func main() {
	words := bufio.NewScanner(os.Stdin)
	words.Split(bufio.ScanWords)
	fmt.Println(mostCommonWord(words))
}
