// Command witness says whether the tests of this machine hold the local AWS against moto.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/secretsync/secretsync/hack/witness"
)

func main() {
	version, err := witness.Version(context.Background())
	switch {
	case errors.Is(err, witness.ErrNone):
		fmt.Println("witness: SKIPPED, the local AWS is not held against a witness here:", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	default:
		fmt.Println("witness: moto", version, "is here, and the local AWS is held against it")
	}
}
