package main

import "fmt"

func towerOfHanoi(disks int, source, target, spare string) {
	if disks == 0 {
		return
	}
	towerOfHanoi(disks-1, source, spare, target)
	fmt.Println(source, "->", target)
	towerOfHanoi(disks-1, spare, target, source)
}

func main() {
	var disks int
	fmt.Scan(&disks)
	towerOfHanoi(disks, "A", "C", "B")
}
