package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
)

func xorCipher(text, key string) string {
	encrypted := make([]byte, len(text))
	for i := range encrypted {
		encrypted[i] = text[i] ^ key[i%len(key)]
	}
	return hex.EncodeToString(encrypted)
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	key := in.Text()
	in.Scan()
	fmt.Println(xorCipher(in.Text(), key))
}
