package main

import "fmt"

func letterCounts(word string) [26]int {
	var counts [26]int
	for _, letter := range word {
		counts[letter-'a']++
	}
	return counts
}

func main() {
	var word string
	fmt.Scan(&word)
	for i, count := range letterCounts(word) {
		if count > 0 {
			fmt.Printf("%c %d\n", 'a'+i, count)
		}
	}
}
