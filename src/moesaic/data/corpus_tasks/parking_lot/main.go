package main

import "fmt"

func find(cars []string, car string) int {
	for place, parked := range cars {
		if parked == car {
			return place
		}
	}
	return -1
}

func parkingLot(cars []string) {
	var command, car string
	for {
		if _, err := fmt.Scan(&command, &car); err != nil {
			return
		}
		before, after := "", car
		if command == "out" {
			before, after = car, ""
		}
		place := find(cars, before)
		if place < 0 {
			fmt.Println("full")
			continue
		}
		cars[place] = after
		fmt.Println(place + 1)
	}
}

func main() {
	var places int
	fmt.Scan(&places)
	parkingLot(make([]string, places))
}
