package main

import (
	"fmt"
	"sort"
	"strings"
)

func parseQueryString(address string) map[string]string {
	_, query, _ := strings.Cut(address, "?")
	parameters := make(map[string]string)
	for _, parameter := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		parameters[name] = strings.ReplaceAll(value, "+", " ")
	}
	return parameters
}

func main() {
	var address string
	fmt.Scan(&address)
	parameters := parseQueryString(address)
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("%s: %s\n", name, parameters[name])
	}
}
