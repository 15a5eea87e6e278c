package main

import "fmt"

func letterGrade(score int) string {
	switch {
	case score >= 90:
		return "A"
	case score >= 75:
		return "B"
	case score >= 60:
		return "C"
	default:
		return "F"
	}
}

func main() {
	var score int
	fmt.Scan(&score)
	fmt.Println(letterGrade(score))
}
