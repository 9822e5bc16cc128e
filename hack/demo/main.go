// Command demo tells the story of one secret, from its creation in AWS to its deletion, on a real
// control plane and a local AWS. Every step is checked: the demo fails if the operator does not do what
// the story says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

func main() {
	keep := flag.Bool("keep", false, "leave everything running at the end, until interrupted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo failed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, keep bool) (err error) {
	fmt.Println("Starting a Kubernetes control plane, a local AWS and the operator from this checkout …")
	env, err := testenv.New(ctx, testenv.Options{Root: "."})
	if env != nil {
		defer func() { err = errors.Join(err, env.Close()) }()
	}
	if err != nil {
		return err
	}
	queue, err := addQueue(env)
	if err != nil {
		return err
	}
	manager, err := env.StartManager("manager", "--change-queue-url="+queue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()

	s := newStory(env)
	if err := s.tell(ctx); err != nil {
		return fmt.Errorf("%w\n\nthe operator's last words:\n%s", err, manager.Tail())
	}
	if keep {
		exports(env, manager)
		<-ctx.Done()
	}
	return nil
}

// exports prints what another terminal needs, and where the operator says what it does.
func exports(env *testenv.Environment, manager *testenv.Manager) {
	fmt.Printf(`
Everything is left running until you press Ctrl-C. In another terminal:

export KUBECONFIG=%s
export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_DEFAULT_REGION=%[3]s
export AWS_ACCESS_KEY_ID=me AWS_SECRET_ACCESS_KEY=not-checked
alias kubectl=%[4]s

The operator's log:     tail -f %[5]s
The operator's metrics: curl http://%[6]s/metrics
`, env.Plane.Kubeconfig(), env.AWS.URL(), localaws.DefaultRegion, env.Plane.Kubectl(), manager.LogFile(), manager.Metrics)
}
