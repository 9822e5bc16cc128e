// Command node starts a real Kubernetes node and runs a command on it, by default a shell. It needs root on Linux:
//
//	go run ./hack/node/cmd/node [command [argument…]]
//
// KUBECONFIG names an administrator's kubeconfig, and PATH has kubectl and the checkout's bin. The end of the command
// ends the node and removes all traces of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/secretsync/secretsync/hack/node"
)

func main() {
	node.Main("node", node.Options{Root: "."}, func(ctx context.Context, running *node.Node) (int, error) {
		arguments := os.Args[1:]
		if len(arguments) == 0 {
			fmt.Printf("The operator's image is %s, an application's %s. exit ends the node.\n", running.Images.Manager, running.Images.Application)
			arguments = []string{shell()}
		}
		binaries, err := filepath.Abs("bin")
		if err != nil {
			return 1, err
		}
		command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
		command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
		command.Env = append(os.Environ(), "KUBECONFIG="+running.Plane.Kubeconfig(),
			"PATH="+running.Plane.Programs()+":"+binaries+":"+os.Getenv("PATH"))
		if err := command.Run(); err != nil {
			if ended, is := errors.AsType[*exec.ExitError](err); is {
				return max(ended.ExitCode(), 1), nil
			}
			return 1, err
		}
		return 0, nil
	})
}

func shell() string {
	if preferred := os.Getenv("SHELL"); preferred != "" {
		return preferred
	}
	return "/bin/sh"
}
