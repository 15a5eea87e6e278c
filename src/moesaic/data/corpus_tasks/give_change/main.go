package main

import "fmt"

var coins = [...]int{50, 20, 10, 5, 2, 1}

func giveChange(amount int) [len(coins)]int {
	var counts [len(coins)]int
	for i, coin := range coins {
		counts[i] = amount / coin
		amount %= coin
	}
	return counts
}

func main() {
	var price, paid int
	fmt.Scan(&price, &paid)
	if price == paid {
		fmt.Println("exact")
		return
	}
	for i, count := range giveChange(paid - price) {
		if count > 0 {
			fmt.Println(coins[i], count)
		}
	}
}
