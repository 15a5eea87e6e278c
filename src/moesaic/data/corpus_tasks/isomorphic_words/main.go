package main

import "fmt"

func isomorphicWords(first, second string) bool {
	if len(first) != len(second) {
		return false
	}
	var forward, backward [256]byte
	for i := range first {
		a, b := first[i], second[i]
		if forward[a] == 0 && backward[b] == 0 {
			forward[a], backward[b] = b, a
		}
		if forward[a] != b || backward[b] != a {
			return false
		}
	}
	return true
}

func main() {
	var first, second string
	fmt.Scan(&first, &second)
	if isomorphicWords(first, second) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
