// Command controlplane downloads or builds the programs of a Kubernetes control plane, or runs one until it is
// interrupted:
//
//	go run ./hack/controlplane/cmd/controlplane build [minor]
//	go run ./hack/controlplane/cmd/controlplane start [minor]
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/secretsync/secretsync/hack/controlplane"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 || len(arguments) > 2 {
		return fmt.Errorf("usage: controlplane build|start [minor version]")
	}
	minor := controlplane.Newest
	if len(arguments) == 2 {
		minor = arguments[1]
	}
	switch arguments[0] {
	case "build":
		directory, err := controlplane.Binaries(ctx, minor, os.Stderr)
		if err == nil {
			fmt.Println(directory)
		}
		return err
	case "start":
		plane, err := controlplane.Start(ctx, controlplane.Options{Minor: minor})
		if err != nil {
			return err
		}
		fmt.Printf("export KUBECONFIG=%s\nexport PATH=%s:$PATH\n", plane.Kubeconfig(), plane.Kubectl()[:len(plane.Kubectl())-len("/kubectl")])
		<-ctx.Done()
		return plane.Stop()
	}
	return fmt.Errorf("unknown word %q: say build or start", arguments[0])
}
