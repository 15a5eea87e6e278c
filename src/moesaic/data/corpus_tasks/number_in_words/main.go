package main

import (
	"fmt"
	"strings"
)

var small = strings.Fields(`zero one two three four five six seven eight nine
	ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen`)

var tens = strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety")

func numberInWords(number int) string {
	switch {
	case number < 20:
		return small[number]
	case number < 100 && number%10 == 0:
		return tens[number/10-2]
	case number < 100:
		return tens[number/10-2] + "-" + small[number%10]
	case number%100 == 0:
		return small[number/100] + " hundred"
	default:
		return numberInWords(number/100*100) + " and " + numberInWords(number%100)
	}
}

func main() {
	var number int
	fmt.Scan(&number)
	fmt.Println(numberInWords(number))
}
