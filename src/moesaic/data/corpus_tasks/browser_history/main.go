package main

import "fmt"

type history struct {
	before, ahead []string
	page          string
}

func (h *history) open(page string) {
	h.before = append(h.before, h.page)
	h.ahead = nil
	h.page = page
}

func move(h *history, from, to *[]string) {
	if last := len(*from) - 1; last >= 0 {
		*to = append(*to, h.page)
		h.page = (*from)[last]
		*from = (*from)[:last]
	}
}

func browserHistory(command string, h *history) {
	switch command {
	case "open":
		var page string
		fmt.Scan(&page)
		h.open(page)
	case "back":
		move(h, &h.before, &h.ahead)
	case "forward":
		move(h, &h.ahead, &h.before)
	}
	fmt.Println(h.page)
}

func main() {
	h := &history{page: "home"}
	var command string
	for {
		if _, err := fmt.Scan(&command); err != nil {
			break
		}
		browserHistory(command, h)
	}
}
