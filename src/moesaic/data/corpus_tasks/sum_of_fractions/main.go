package main

import "fmt"

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func sumOfFractions(fractions [][2]int) (top, bottom int) {
	bottom = 1
	for _, fraction := range fractions {
		top = top*fraction[1] + fraction[0]*bottom
		bottom *= fraction[1]
		divisor := gcd(top, bottom)
		top, bottom = top/divisor, bottom/divisor
	}
	return top, bottom
}

func main() {
	var fractions [][2]int
	for {
		var fraction [2]int
		if _, err := fmt.Scanf("%d/%d", &fraction[0], &fraction[1]); err != nil {
			break
		}
		fractions = append(fractions, fraction)
	}
	top, bottom := sumOfFractions(fractions)
	fmt.Printf("%d/%d\n", top, bottom)
}
