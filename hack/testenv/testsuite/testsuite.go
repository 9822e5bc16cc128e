// Package testsuite has what the test packages on a testenv.Environment share: TestMain, namespaces and a local AWS for
// one test, waiting, and reading a Secret.
//
// It may import testenv, localaws, testing and Kubernetes clients. Only tests import it.
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

// Root is the directory of the repository, relative to a package in hack.
const Root = "../.."

// Deadline is how long Await waits; the machine may be slow and busy.
const Deadline = 2 * time.Minute

// Main sets an environment up, runs the tests in it, takes it down and exits. The manager is built with the race
// detector unless options.Release is set. An error is printed, and makes the exit code at least 1.
func Main(name string, options testenv.Options, tests func(ctx context.Context, env *testenv.Environment) (code int, err error)) {
	ctrl.SetLogger(logr.Discard()) // Errors and the manager's own log say what the clients would log.
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

// Await waits until holds returns true. If it does not within Deadline, the test fails with what it waited for and a
// picture of the present state, which must not contain values.
func Await(t testing.TB, what string, holds func() bool, picture func() string) {
	t.Helper()
	for end := time.Now().Add(Deadline); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("timed out: %s\n%s", what, picture())
}

// Values are the values of a Secret by key; nil if the Secret does not exist.
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
