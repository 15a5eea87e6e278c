package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func localPeaks(heights []int) []string {
	var peaks []string
	for i := 1; i < len(heights)-1; i++ {
		if heights[i] > heights[i-1] && heights[i] > heights[i+1] {
			peaks = append(peaks, strconv.Itoa(heights[i]))
		}
	}
	return peaks
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	var heights []int
	for _, field := range strings.Fields(in.Text()) {
		height, _ := strconv.Atoi(field)
		heights = append(heights, height)
	}
	if peaks := localPeaks(heights); len(peaks) > 0 {
		fmt.Println(strings.Join(peaks, " "))
	} else {
		fmt.Println("flat")
	}
}
