package main

import "fmt"

func firstRepeatedPage(links []int) (page, clicks int) {
	visited := make(map[int]bool)
	page = 1
	for !visited[page] {
		visited[page] = true
		page = links[page-1]
		clicks++
	}
	return page, clicks
}

func main() {
	var links []int
	for {
		var link int
		if _, err := fmt.Scan(&link); err != nil {
			break
		}
		links = append(links, link)
	}
	fmt.Println(firstRepeatedPage(links))
}
