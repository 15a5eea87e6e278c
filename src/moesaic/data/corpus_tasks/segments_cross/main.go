package main

import "fmt"

type segment struct {
	x1, y1, x2, y2 int
}

func (s segment) side(x, y int) int {
	return (s.x2-s.x1)*(y-s.y1) - (s.y2-s.y1)*(x-s.x1)
}

func (s segment) separates(other segment) bool {
	return s.side(other.x1, other.y1)*s.side(other.x2, other.y2) < 0
}

func segmentsCross(a, b segment) bool {
	return a.separates(b) && b.separates(a)
}

func main() {
	var a, b segment
	fmt.Scan(&a.x1, &a.y1, &a.x2, &a.y2)
	fmt.Scan(&b.x1, &b.y1, &b.x2, &b.y2)
	if segmentsCross(a, b) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
