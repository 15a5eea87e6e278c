package main

import "fmt"

func assign(rivals [][]int, teams []int, player, team int) bool {
	if teams[player] != 0 {
		return teams[player] == team
	}
	teams[player] = team
	for _, rival := range rivals[player] {
		if !assign(rivals, teams, rival, 3-team) {
			return false
		}
	}
	return true
}

func canFormTwoTeams(rivals [][]int) bool {
	teams := make([]int, len(rivals))
	for player := range rivals {
		if teams[player] == 0 && !assign(rivals, teams, player, 1) {
			return false
		}
	}
	return true
}

func main() {
	var players, first, second int
	fmt.Scan(&players)
	rivals := make([][]int, players+1)
	for {
		if _, err := fmt.Scan(&first, &second); err != nil {
			break
		}
		rivals[first] = append(rivals[first], second)
		rivals[second] = append(rivals[second], first)
	}
	if canFormTwoTeams(rivals) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
