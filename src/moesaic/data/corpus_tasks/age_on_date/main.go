package main

import "fmt"

type date struct {
	day, month, year int
}

func readDate() date {
	var d date
	fmt.Scanf("%d.%d.%d\n", &d.day, &d.month, &d.year)
	return d
}

func ageOnDate(birth, today date) int {
	age := today.year - birth.year
	if today.month < birth.month || today.month == birth.month && today.day < birth.day {
		age--
	}
	return age
}

func main() {
	birth := readDate()
	today := readDate()
	fmt.Println(ageOnDate(birth, today))
}
