// Command release makes a release:
//
//	go run ./hack/release set-version v0.1.0   writes the version into the chart and config/default
//	go run ./hack/release dry-run v0.1.0       makes everything, pushes to a registry on this machine, and tests it
//	go run ./hack/release publish v0.1.0       makes everything, and pushes it
//
// A release is the folder dist, and an image and a chart in a registry, both signed. docs/verifying.md says how to
// verify them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: release set-version|dry-run|publish VERSION, from the root of the checkout")
	}
	command, version := arguments[0], arguments[1]
	if err := checkVersion(version); err != nil {
		return err
	}
	switch command {
	case "set-version":
		return setVersion(".", version)
	case "dry-run":
		return dryRun(ctx, version)
	case "publish":
		return publish(ctx, version)
	}
	return fmt.Errorf("unknown command %q: use set-version, dry-run or publish", command)
}
