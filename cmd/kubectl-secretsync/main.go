// Command kubectl-secretsync is the plugin of kubectl for SecretSyncs: kubectl secretsync status, refresh, suspend and so
// on. A verb is a file. It works with the rights of its user, and asks for each object once, without discovery: what the
// user may not see is left out and named, as data.
//
// It may import the API, cobra, the clients of Kubernetes and AWS, and the packages by which the operator reads and makes
// Secrets; not the reconciler. No verb but render prints a value of a secret.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // Credentials of the clouds, as in kubectl.
)

// version is set when the plugin is built.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr})
	stop()
	os.Exit(code)
}
