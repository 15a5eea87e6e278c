package main

import (
	"fmt"
	"strings"
)

func simplifyPath(path string) string {
	var names []string
	for _, name := range strings.Split(path, "/") {
		switch name {
		case "", ".":
		case "..":
			if len(names) > 0 {
				names = names[:len(names)-1]
			}
		default:
			names = append(names, name)
		}
	}
	return "/" + strings.Join(names, "/")
}

func main() {
	var path string
	fmt.Scan(&path)
	fmt.Println(simplifyPath(path))
}
