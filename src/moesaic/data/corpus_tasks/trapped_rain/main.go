package main

import "fmt"

func highest(walls []int) int {
	result := 0
	for _, wall := range walls {
		if wall > result {
			result = wall
		}
	}
	return result
}

func trappedRain(walls []int) int {
	water := 0
	for i, wall := range walls {
		level := highest(walls[:i+1])
		if right := highest(walls[i:]); right < level {
			level = right
		}
		water += level - wall
	}
	return water
}

func main() {
	var walls []int
	var wall int
	for {
		if _, err := fmt.Scan(&wall); err != nil {
			break
		}
		walls = append(walls, wall)
	}
	fmt.Println(trappedRain(walls))
}
