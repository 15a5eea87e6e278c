package main

import "fmt"

type leaders []int

func (l leaders) of(person int) int {
	for l[person] != person {
		person = l[person]
	}
	return person
}

func countGroups(people int, friends [][2]int) int {
	l := make(leaders, people+1)
	for person := range l {
		l[person] = person
	}
	groups := people
	for _, pair := range friends {
		first, second := l.of(pair[0]), l.of(pair[1])
		if first != second {
			l[first] = second
			groups--
		}
	}
	return groups
}

func main() {
	var people int
	fmt.Scan(&people)
	var friends [][2]int
	for {
		var pair [2]int
		if _, err := fmt.Scan(&pair[0], &pair[1]); err != nil {
			break
		}
		friends = append(friends, pair)
	}
	fmt.Println(countGroups(people, friends))
}
