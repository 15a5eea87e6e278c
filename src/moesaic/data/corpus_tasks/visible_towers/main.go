package main

import "fmt"

func visibleTowers(next func() (int, bool)) int {
	visible, highest := 0, 0
	for {
		tower, ok := next()
		if !ok {
			return visible
		}
		if tower > highest {
			highest = tower
			visible++
		}
	}
}

func main() {
	read := func() (int, bool) {
		var tower int
		_, err := fmt.Scan(&tower)
		return tower, err == nil
	}
	fmt.Println(visibleTowers(read))
}
