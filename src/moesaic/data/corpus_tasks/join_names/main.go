package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func joinNames(names []string) string {
	joined := strings.Join(names, ", ")
	if comma := strings.LastIndex(joined, ", "); comma >= 0 {
		joined = joined[:comma] + " and " + joined[comma+2:]
	}
	return joined
}

func main() {
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(joinNames(strings.Fields(line)))
}
