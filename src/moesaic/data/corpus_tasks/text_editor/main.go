package main

import "fmt"

func textEditor(command string, texts []string) []string {
	text := texts[len(texts)-1]
	switch command {
	case "add":
		var word string
		fmt.Scan(&word)
		return append(texts, text+word)
	case "cut":
		var count int
		fmt.Scan(&count)
		if count > len(text) {
			count = len(text)
		}
		return append(texts, text[:len(text)-count])
	}
	if len(texts) > 1 {
		return texts[:len(texts)-1]
	}
	return texts
}

func main() {
	texts := []string{""}
	var command string
	for {
		if _, err := fmt.Scan(&command); err != nil {
			break
		}
		texts = textEditor(command, texts)
	}
	text := texts[len(texts)-1]
	if text == "" {
		text = "empty"
	}
	fmt.Println(text)
}
