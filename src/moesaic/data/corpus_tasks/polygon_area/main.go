package main

import (
	"fmt"
	"math"
)

type point struct{ x, y float64 }

func polygonArea(corners []point) float64 {
	doubled := 0.0
	last := corners[len(corners)-1]
	for _, corner := range corners {
		doubled += last.x*corner.y - corner.x*last.y
		last = corner
	}
	return math.Abs(doubled) / 2
}

func main() {
	var corners []point
	for {
		var p point
		if _, err := fmt.Scan(&p.x, &p.y); err != nil {
			break
		}
		corners = append(corners, p)
	}
	fmt.Printf("%.1f\n", polygonArea(corners))
}
