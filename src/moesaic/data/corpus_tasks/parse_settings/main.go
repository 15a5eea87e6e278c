package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func parseSettings(in *bufio.Scanner) {
	section := ""
	for in.Scan() {
		line := strings.TrimSpace(in.Text())
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		default:
			name, value, _ := strings.Cut(line, "=")
			fmt.Printf("%s.%s=%s\n", section, strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
}

func main() {
	parseSettings(bufio.NewScanner(os.Stdin))
}
