package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func missingLetters(text string) string {
	text = strings.ToLower(text)
	missing := ""
	for letter := 'a'; letter <= 'z'; letter++ {
		if !strings.ContainsRune(text, letter) {
			missing += string(letter)
		}
	}
	return missing
}

func main() {
	text, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if missing := missingLetters(text); missing != "" {
		fmt.Println(missing)
	} else {
		fmt.Println("pangram")
	}
}
