package main

import (
	"fmt"
	"sort"
)

type cable struct {
	first, second, length int
}

func cableLength(houses int, cables []cable) int {
	sort.Slice(cables, func(i, j int) bool { return cables[i].length < cables[j].length })
	network := make([]int, houses+1)
	for house := range network {
		network[house] = house
	}
	total := 0
	for _, c := range cables {
		kept, gone := network[c.first], network[c.second]
		if kept == gone {
			continue
		}
		total += c.length
		for house, number := range network {
			if number == gone {
				network[house] = kept
			}
		}
	}
	return total
}

func main() {
	var houses int
	fmt.Scan(&houses)
	var cables []cable
	var c cable
	for _, err := fmt.Scan(&c.first, &c.second, &c.length); err == nil; {
		cables = append(cables, c)
		_, err = fmt.Scan(&c.first, &c.second, &c.length)
	}
	fmt.Println(cableLength(houses, cables))
}
