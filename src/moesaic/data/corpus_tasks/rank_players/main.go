package main

import (
	"fmt"
	"sort"
)

type player struct {
	name   string
	points int
}

func rankPlayers(players []player) {
	sort.Slice(players, func(i, j int) bool {
		if players[i].points != players[j].points {
			return players[i].points > players[j].points
		}
		return players[i].name < players[j].name
	})
	rank := 1
	for i, p := range players {
		if i > 0 && p.points < players[i-1].points {
			rank = i + 1
		}
		fmt.Println(rank, p.name)
	}
}

func main() {
	var count int
	fmt.Scan(&count)
	players := make([]player, count)
	for i := range players {
		fmt.Scan(&players[i].name, &players[i].points)
	}
	rankPlayers(players)
}
