package main

import "fmt"

func bracketSequences(sequence string, opening, closing int, found func(string)) {
	if closing == 0 {
		found(sequence)
		return
	}
	if opening > 0 {
		bracketSequences(sequence+"(", opening-1, closing, found)
	}
	if closing > opening {
		bracketSequences(sequence+")", opening, closing-1, found)
	}
}

func main() {
	var pairs int
	fmt.Scan(&pairs)
	bracketSequences("", pairs, pairs, func(sequence string) {
		fmt.Println(sequence)
	})
}
