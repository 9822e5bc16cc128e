// Package standtest is what the packages of tests on a stand share: how they begin and end, what each test has of
// its own, how they wait, and how they read a Secret.
//
// It may import stand, localaws, testing and Kubernetes clients. Tests alone import it.
package testsuite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/testenv"
)

// Root is the repository's, seen from a folder of hack.
const Root = "../.."

// Deadline is how long anything awaited may take; the machine may be slow and busy.
const Deadline = 2 * time.Minute

// Main sets a stand up, with a manager that finds data races unless it is to be as it is released, has the tests run on it, takes it down and ends the process. What the tests' code does
// not tell, an error does.
func Main(name string, options testenv.Options, tests func(ctx context.Context, env *testenv.Environment) (code int, err error)) {
	ctrl.SetLogger(logr.Discard()) // What the clients would log, errors and the manager's own log tell.
	code, err := run(options, tests)
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(options testenv.Options, tests func(context.Context, *testenv.Environment) (int, error)) (code int, err error) {
	ctx := context.Background()
	options.Root, options.Race = Root, !options.Release
	env, err := testenv.New(ctx, options)
	if env != nil {
		defer func() { err = errors.Join(err, env.Close()) }()
	}
	if err != nil {
		return 1, err
	}
	return tests(ctx, env)
}

// Await waits until a condition holds, and says what it waited for if it never does, with a picture of how things
// are, which has no values.
func Await(t testing.TB, what string, holds func() bool, picture func() string) {
	t.Helper()
	for end := time.Now().Add(Deadline); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain: %s\n%s", what, picture())
}

// Values are what a Secret holds; nil where there is none.
func Values(t testing.TB, from client.Client, namespace, name string) map[string]string {
	t.Helper()
	found := &corev1.Secret{}
	err := from.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	} else if err != nil {
		return nil
	}
	held := map[string]string{}
	for key, value := range found.Data {
		held[key] = string(value)
	}
	return held
}
