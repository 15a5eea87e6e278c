package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func readSet(in *bufio.Scanner) map[string]bool {
	in.Scan()
	set := make(map[string]bool)
	for _, number := range strings.Fields(in.Text()) {
		set[number] = true
	}
	return set
}

func commonNumbers(first, second map[string]bool) int {
	count := 0
	for number := range first {
		if second[number] {
			count++
		}
	}
	return count
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	first := readSet(in)
	second := readSet(in)
	fmt.Println(commonNumbers(first, second))
}
