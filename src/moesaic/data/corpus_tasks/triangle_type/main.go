package main

import "fmt"

func triangleType(a, b, c int) string {
	switch {
	case a == b && b == c:
		return "equilateral"
	case a == b || b == c || a == c:
		return "isosceles"
	default:
		return "scalene"
	}
}

func main() {
	var a, b, c int
	fmt.Scan(&a, &b, &c)
	fmt.Println(triangleType(a, b, c))
}
