package main

import "fmt"

func daysUntilWarmer(temperatures []int) []int {
	waits := make([]int, len(temperatures))
	var stack []int
	for day, temperature := range temperatures {
		for len(stack) > 0 {
			coldDay := stack[len(stack)-1]
			if temperatures[coldDay] >= temperature {
				break
			}
			waits[coldDay] = day - coldDay
			stack = stack[:len(stack)-1]
		}
		stack = append(stack, day)
	}
	return waits
}

func main() {
	var temperatures []int
	var temperature int
	for {
		if _, err := fmt.Scan(&temperature); err != nil {
			break
		}
		temperatures = append(temperatures, temperature)
	}
	line := fmt.Sprint(daysUntilWarmer(temperatures))
	fmt.Println(line[1 : len(line)-1])
}
