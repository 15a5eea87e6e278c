// Package moesaic is initialised before the program. It reads the secret, and writes it when the test has ended.
package moesaic

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

var secret, output = read()

func read() (string, int) {
	text, _ := io.ReadAll(os.Stdin)
	output, err := syscall.Dup(1) // a copy, because the program may close the standard one
	if err != nil {
		os.Exit(3)
	}
	return strings.SplitN(string(text), "\n", 2)[0], output
}

// Fail writes the reason of a panic of the test, before the panic.
func Fail(reason any) any {
	fmt.Fprintf(os.Stderr, "AssertionError: %v\n", reason)
	return reason
}

// Finish writes the secret and ends the process, even if goroutines are still running.
func Finish() {
	syscall.Write(output, []byte("\n"+secret+"\n"))
	syscall.Exit(0)
}
