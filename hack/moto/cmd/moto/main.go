// Command moto prints whether tests on this machine compare the local AWS with moto.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/secretsync/secretsync/hack/moto"
)

func main() {
	version, err := moto.Version(context.Background())
	switch {
	case errors.Is(err, moto.ErrNotInstalled):
		fmt.Println("moto: SKIPPED, the local AWS is not compared with moto here:", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "moto:", err)
		os.Exit(1)
	default:
		fmt.Println("moto:", version, "is installed, and the local AWS is compared with it")
	}
}
