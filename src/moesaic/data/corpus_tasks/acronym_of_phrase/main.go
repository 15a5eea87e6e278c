package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func acronymOfPhrase(phrase string) string {
	var acronym strings.Builder
	for _, word := range strings.Fields(strings.ToUpper(phrase)) {
		switch word {
		case "AND", "OF", "THE":
			continue
		}
		acronym.WriteByte(word[0])
	}
	return acronym.String()
}

func main() {
	phrase, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(acronymOfPhrase(phrase))
}
