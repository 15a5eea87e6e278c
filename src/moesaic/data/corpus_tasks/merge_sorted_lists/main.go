package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func mergeSortedLists(first, second []int) []int {
	var merged []int
	for len(first) > 0 && len(second) > 0 {
		if first[0] <= second[0] {
			merged = append(merged, first[0])
			first = first[1:]
		} else {
			merged = append(merged, second[0])
			second = second[1:]
		}
	}
	merged = append(merged, first...)
	return append(merged, second...)
}

func readNumbers(in *bufio.Scanner) []int {
	in.Scan()
	var numbers []int
	for _, field := range strings.Fields(in.Text()) {
		number, _ := strconv.Atoi(field)
		numbers = append(numbers, number)
	}
	return numbers
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	first := readNumbers(in)
	second := readNumbers(in)
	for _, number := range mergeSortedLists(first, second) {
		fmt.Println(number)
	}
}
