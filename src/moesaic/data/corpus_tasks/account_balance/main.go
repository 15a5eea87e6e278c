package main

import "fmt"

type account struct {
	balance int
}

func (a *account) book(amount int) {
	if a.balance+amount >= 0 {
		a.balance += amount
	}
}

func accountBalance(bookings []int) int {
	var a account
	for _, booking := range bookings {
		a.book(booking)
	}
	return a.balance
}

func main() {
	var bookings []int
	var booking int
	for {
		if _, err := fmt.Scan(&booking); err != nil {
			break
		}
		bookings = append(bookings, booking)
	}
	fmt.Println(accountBalance(bookings))
}
