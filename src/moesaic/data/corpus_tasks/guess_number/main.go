package main

import "fmt"

func guessNumber(limit, secret int) []int {
	low, high := 1, limit
	var guesses []int
	for {
		guess := (low + high) / 2
		guesses = append(guesses, guess)
		switch {
		case guess < secret:
			low = guess + 1
		case guess > secret:
			high = guess - 1
		default:
			return guesses
		}
	}
}

func main() {
	var limit, secret int
	fmt.Scan(&limit, &secret)
	guesses := guessNumber(limit, secret)
	fmt.Print(guesses[0])
	for _, guess := range guesses[1:] {
		fmt.Print(" ", guess)
	}
	fmt.Println()
}
