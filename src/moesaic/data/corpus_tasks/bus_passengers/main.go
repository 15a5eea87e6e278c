package main

import "fmt"

type bus struct {
	seats, passengers, leftBehind int
}

func (b *bus) busPassengers(off, waiting int) int {
	b.passengers -= off
	for ; waiting > 0 && b.passengers < b.seats; waiting-- {
		b.passengers++
	}
	b.leftBehind += waiting
	return b.passengers
}

func main() {
	var b bus
	fmt.Scan(&b.seats)
	var off, waiting int
	for {
		if n, _ := fmt.Scan(&off, &waiting); n < 2 {
			break
		}
		fmt.Println(b.busPassengers(off, waiting))
	}
	fmt.Println(b.leftBehind)
}
