package main

import "fmt"

type circle struct {
	x, y, radius int
}

func circleRelation(a, b circle) string {
	dx, dy := a.x-b.x, a.y-b.y
	distance := dx*dx + dy*dy
	outer := (a.radius + b.radius) * (a.radius + b.radius)
	inner := (a.radius - b.radius) * (a.radius - b.radius)
	switch {
	case distance > outer:
		return "apart"
	case distance < inner:
		return "inside"
	case distance == outer || distance == inner:
		return "touching"
	}
	return "crossing"
}

func main() {
	var a, b circle
	fmt.Scan(&a.x, &a.y, &a.radius)
	fmt.Scan(&b.x, &b.y, &b.radius)
	fmt.Println(circleRelation(a, b))
}
