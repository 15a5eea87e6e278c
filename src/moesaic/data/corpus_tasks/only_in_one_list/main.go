package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"
)

func onlyInOneList(first, second []string) []string {
	lists := make(map[string]int)
	for _, name := range first {
		lists[name] |= 1
	}
	for _, name := range second {
		lists[name] |= 2
	}
	var names []string
	for name, found := range lists {
		if found != 3 {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	first := strings.Fields(in.Text())
	in.Scan()
	names := onlyInOneList(first, strings.Fields(in.Text()))
	if len(names) == 0 {
		names = []string{"equal"}
	}
	fmt.Println(strings.Join(names, "\n"))
}
