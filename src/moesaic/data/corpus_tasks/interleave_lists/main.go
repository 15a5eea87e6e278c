package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func interleaveLists(first, second []string) []string {
	var result []string
	for len(first) > 0 {
		result = append(result, first[0])
		first, second = second, first[1:]
	}
	return append(result, second...)
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	first := strings.Fields(in.Text())
	in.Scan()
	second := strings.Fields(in.Text())
	fmt.Println(strings.Join(interleaveLists(first, second), " "))
}
