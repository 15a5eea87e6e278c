package main

import (
	"fmt"
	"math"
)

func pathLength(points []complex128) float64 {
	length := 0.0
	for i, end := range points[1:] {
		step := end - points[i]
		length += math.Hypot(real(step), imag(step))
	}
	return length
}

func main() {
	var points []complex128
	for {
		var x, y float64
		if _, err := fmt.Scan(&x, &y); err != nil {
			break
		}
		points = append(points, complex(x, y))
	}
	fmt.Printf("%.2f\n", pathLength(points))
}
