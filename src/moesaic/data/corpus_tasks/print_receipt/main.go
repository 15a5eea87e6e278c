package main

import "fmt"

type amount int

func (a amount) String() string {
	return fmt.Sprintf("%d.%02d", a/100, a%100)
}

func printReceipt() {
	var total amount
	for {
		var name string
		var count, price int
		if _, err := fmt.Scan(&name, &count, &price); err != nil {
			break
		}
		cost := amount(count * price)
		fmt.Printf("%-10s%8s\n", name, cost)
		total += cost
	}
	fmt.Printf("%-10s%8s\n", "total", total)
}

func main() {
	printReceipt()
}
