package main

import (
	"fmt"
	"net"
)

func sameSubnet(first, second string, prefix int) bool {
	mask := net.CIDRMask(prefix, 32)
	network := net.IPNet{IP: net.ParseIP(first).Mask(mask), Mask: mask}
	return network.Contains(net.ParseIP(second))
}

func main() {
	var first, second string
	var prefix int
	fmt.Scan(&first, &second, &prefix)
	if sameSubnet(first, second, prefix) {
		fmt.Println("yes")
	} else {
		fmt.Println("no")
	}
}
