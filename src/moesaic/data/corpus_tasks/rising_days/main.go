package main

import "fmt"

func risingDays(prices []int) int {
	longest, days := 1, 1
	for i := 1; i < len(prices); i++ {
		if prices[i] <= prices[i-1] {
			days = 0
		}
		days++
		if days > longest {
			longest = days
		}
	}
	return longest
}

func main() {
	var prices []int
	for {
		var price int
		if n, _ := fmt.Scan(&price); n == 0 {
			break
		}
		prices = append(prices, price)
	}
	fmt.Println(risingDays(prices))
}
