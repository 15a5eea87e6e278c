package main

import "fmt"

func permissionString(mode int) string {
	letters := []byte("rwxrwxrwx")
	for i := range letters {
		if mode>>(8-i)&1 == 0 {
			letters[i] = '-'
		}
	}
	return string(letters)
}

func main() {
	var mode int
	fmt.Scanf("%o", &mode)
	fmt.Println(permissionString(mode))
}
