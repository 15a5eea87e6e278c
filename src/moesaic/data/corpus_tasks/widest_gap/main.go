package main

import (
	"fmt"
	"sort"
)

func widestGap(posts []int) (start, end int) {
	sort.Ints(posts)
	start, end = posts[0], posts[1]
	for i, post := range posts[1:] {
		if before := posts[i]; post-before > end-start {
			start, end = before, post
		}
	}
	return start, end
}

func main() {
	var posts []int
	for {
		var post int
		if _, err := fmt.Scan(&post); err != nil {
			break
		}
		posts = append(posts, post)
	}
	fmt.Println(widestGap(posts))
}
