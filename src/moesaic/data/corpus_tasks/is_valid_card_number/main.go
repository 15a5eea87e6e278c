package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func isValidCardNumber(number string) bool {
	number = strings.ReplaceAll(strings.TrimSpace(number), " ", "")
	sum := 0
	for i := range number {
		digit := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			digit *= 2
		}
		if digit > 9 {
			digit -= 9
		}
		sum += digit
	}
	return sum%10 == 0
}

func main() {
	number, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if isValidCardNumber(number) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
