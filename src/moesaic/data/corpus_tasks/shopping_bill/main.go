package main

import "fmt"

func shoppingBill(prices map[string]int, items []string) (total, unsold int) {
	for _, item := range items {
		price, sold := prices[item]
		if !sold {
			unsold++
		}
		total += price
	}
	return total, unsold
}

func main() {
	var count, price int
	var item string
	fmt.Scan(&count)
	prices := make(map[string]int, count)
	for i := 0; i < count; i++ {
		fmt.Scan(&item, &price)
		prices[item] = price
	}
	var items []string
	for {
		if _, err := fmt.Scan(&item); err != nil {
			break
		}
		items = append(items, item)
	}
	fmt.Println(shoppingBill(prices, items))
}
