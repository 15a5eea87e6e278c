package main

import (
	"bufio"
	"fmt"
	"os"
)

func hideCardNumber(number string) string {
	hidden := []byte(number)
	digits := 0
	for i := len(hidden) - 1; i >= 0; i-- {
		if hidden[i] < '0' || hidden[i] > '9' {
			continue
		}
		digits++
		if digits > 4 {
			hidden[i] = '*'
		}
	}
	return string(hidden)
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	number := in.Text()
	fmt.Println(hideCardNumber(number))
}
