package main

import "fmt"

func diceSumWays(dice, total int) int {
	ways := map[int]int{0: 1}
	for die := 0; die < dice; die++ {
		next := make(map[int]int)
		for points, count := range ways {
			for face := 1; face <= 6; face++ {
				next[points+face] += count
			}
		}
		ways = next
	}
	return ways[total]
}

func main() {
	var dice, total int
	fmt.Scan(&dice, &total)
	fmt.Println(diceSumWays(dice, total))
}
