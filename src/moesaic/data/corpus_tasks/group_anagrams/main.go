package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"
)

func letters(word string) string {
	key := []byte(word)
	sort.Slice(key, func(i, j int) bool { return key[i] < key[j] })
	return string(key)
}

func groupAnagrams(words []string) [][]string {
	var groups [][]string
	places := make(map[string]int)
	for _, word := range words {
		key := letters(word)
		place, known := places[key]
		if !known {
			place = len(groups)
			places[key] = place
			groups = append(groups, nil)
		}
		groups[place] = append(groups[place], word)
	}
	return groups
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	for _, group := range groupAnagrams(strings.Fields(in.Text())) {
		fmt.Println(strings.Join(group, " "))
	}
}
