package events

import (
	"context"
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

// shared is the stand of all tests: its control plane and its manager's binary. TestMain sets it; tests
// read it.
var shared *stand.Stand

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "events:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	all, err := stand.New(context.Background(), stand.Options{Root: root, Race: true})
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
	return m.Run(), nil
}
