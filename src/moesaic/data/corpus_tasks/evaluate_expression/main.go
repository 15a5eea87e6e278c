package main

import "fmt"

func evaluateExpression(text string) (value int, rest string) {
	value, rest = term(text)
	for rest != "" && (rest[0] == '+' || rest[0] == '-') {
		sign := rest[0]
		var next int
		next, rest = term(rest[1:])
		if sign == '-' {
			next = -next
		}
		value += next
	}
	return value, rest
}

func term(text string) (value int, rest string) {
	value, rest = factor(text)
	for rest != "" && rest[0] == '*' {
		var next int
		next, rest = factor(rest[1:])
		value *= next
	}
	return value, rest
}

func factor(text string) (value int, rest string) {
	if text[0] == '(' {
		value, rest = evaluateExpression(text[1:])
		return value, rest[1:]
	}
	for text != "" && text[0] >= '0' && text[0] <= '9' {
		value = 10*value + int(text[0]-'0')
		text = text[1:]
	}
	return value, text
}

func main() {
	var text string
	fmt.Scan(&text)
	value, _ := evaluateExpression(text)
	fmt.Println(value)
}
