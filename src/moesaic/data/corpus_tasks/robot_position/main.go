package main

import "fmt"

func robotPosition(moves string) (x, y int) {
	for _, move := range moves {
		switch move {
		case 'U':
			y++
		case 'D':
			y--
		case 'R':
			x++
		case 'L':
			x--
		}
	}
	return x, y
}

func main() {
	var moves string
	fmt.Scan(&moves)
	fmt.Println(robotPosition(moves))
}
