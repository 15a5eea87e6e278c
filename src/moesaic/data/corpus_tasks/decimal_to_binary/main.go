package main

import "fmt"

func decimalToBinary(number int) string {
	if number == 0 {
		return "0"
	}
	digits := ""
	for ; number > 0; number /= 2 {
		digits = fmt.Sprint(number%2) + digits
	}
	return digits
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(decimalToBinary(number))
}
