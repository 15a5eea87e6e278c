package main

import "fmt"

type road struct {
	from, to string
	cost     int
}

func cheapestRoute(roads []road, start, goal string) int {
	prices := map[string]int{start: 0}
	finished := make(map[string]bool)
	for {
		town, best := "", -1
		for name, price := range prices {
			if !finished[name] && (best < 0 || price < best) {
				town, best = name, price
			}
		}
		if best < 0 || town == goal {
			return best
		}
		finished[town] = true
		for _, r := range roads {
			price, known := prices[r.to]
			if r.from == town && (!known || best+r.cost < price) {
				prices[r.to] = best + r.cost
			}
		}
	}
}

func main() {
	var start, goal string
	fmt.Scan(&start, &goal)
	var roads []road
	for {
		var r road
		if _, err := fmt.Scan(&r.from, &r.to, &r.cost); err != nil {
			break
		}
		roads = append(roads, r, road{r.to, r.from, r.cost})
	}
	fmt.Println(cheapestRoute(roads, start, goal))
}
