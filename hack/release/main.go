// Command release makes a release:
//
//	go run ./hack/release set-version v0.1.0
//
// writes the version into the chart, config/default and the docs.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 2 && arguments[0] == "set-version" {
		return setVersion(".", arguments[1])
	}
	return errors.New("usage: release set-version VERSION")
}
