package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func caesarCipher(text string, key int) string {
	return strings.Map(func(symbol rune) rune {
		if symbol < 'a' || symbol > 'z' {
			return symbol
		}
		return 'a' + (symbol-'a'+rune(key))%26
	}, text)
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	key, _ := strconv.Atoi(in.Text())
	in.Scan()
	fmt.Println(caesarCipher(in.Text(), key))
}
