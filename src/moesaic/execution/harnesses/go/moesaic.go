// Package moesaic is initialised before anything of the program: it reads the secret, and writes it when the test is over.
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
	output, err := syscall.Dup(1) // of its own: the program may close the usual one
	if err != nil {
		os.Exit(3)
	}
	return strings.SplitN(string(text), "\n", 2)[0], output
}

// Fail is what a panic of the test says before it happens.
func Fail(reason any) any {
	fmt.Fprintf(os.Stderr, "AssertionError: %v\n", reason)
	return reason
}

// Finish ends the process, whatever is still running.
func Finish() {
	syscall.Write(output, []byte("\n"+secret+"\n"))
	syscall.Exit(0)
}
