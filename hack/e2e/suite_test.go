package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/stand"
)

// root is the repository's, seen from this folder.
const root = "../.."

// deadline is how long anything awaited may take; the machine may be slow and busy.
const deadline = 60 * time.Second

// shared is the stand of all tests, with one manager and many namespaces. TestMain sets it; tests
// read it.
var shared *stand.Stand

// running is the manager that works in all namespaces.
var running *stand.Manager

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx := context.Background()
	all, err := stand.New(ctx, stand.Options{Root: root, Race: true, Audit: true, ServiceAccountTokens: true})
	if all != nil {
		defer func() {
			if closing := all.Close(); closing != nil && err == nil {
				err = fmt.Errorf("closing the stand: %w", closing)
			}
		}()
	}
	if err != nil {
		return 1, err
	}
	shared = all
	if running, err = all.StartManager("shared"); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := end(ctx, running, (*stand.Manager).Stop); err != nil {
		return 1, err
	}
	if flag.Lookup("test.run").Value.String() == "" { // All tests have run, and so all that the operator does.
		err = checkRoles(all.Plane, stand.OperatorAccount, "rbac/role.yaml", "components/service-account-tokens/role.yaml")
	}
	return code, errors.Join(err, searchForValues(ctx, all))
}
