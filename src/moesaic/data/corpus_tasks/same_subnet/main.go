package main

import "fmt"

func readAddress() uint32 {
	var a, b, c, d uint32
	fmt.Scanf("%d.%d.%d.%d\n", &a, &b, &c, &d)
	return a<<24 | b<<16 | c<<8 | d
}

func sameSubnet(first, second uint32, prefix int) bool {
	return (first^second)>>(32-prefix) == 0
}

func main() {
	first, second := readAddress(), readAddress()
	var prefix int
	fmt.Scan(&prefix)
	if sameSubnet(first, second, prefix) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
