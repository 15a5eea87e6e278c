package main

import "fmt"

type rectangle struct {
	left, lower, right, upper int
}

func overlapArea(a, b rectangle) int {
	if b.left > a.left {
		a.left = b.left
	}
	if b.lower > a.lower {
		a.lower = b.lower
	}
	if b.right < a.right {
		a.right = b.right
	}
	if b.upper < a.upper {
		a.upper = b.upper
	}
	if a.left >= a.right || a.lower >= a.upper {
		return 0
	}
	return (a.right - a.left) * (a.upper - a.lower)
}

func main() {
	var rectangles [2]rectangle
	for i := range rectangles {
		r := &rectangles[i]
		fmt.Scan(&r.left, &r.lower, &r.right, &r.upper)
	}
	fmt.Println(overlapArea(rectangles[0], rectangles[1]))
}
