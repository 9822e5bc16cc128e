package tenancy

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/stand"
)

// root is the repository's, seen from this folder.
const root = "../.."

// deadline is how long anything awaited may take; the machine may be slow and busy.
const deadline = 60 * time.Second

// shared is the stand of all tests: its control plane and its manager's binary. TestMain sets it; tests
// read it.
var shared *stand.Stand

// cluster is the control plane as an issuer of tokens.
var cluster localaws.OIDCProvider

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tenancy:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx := context.Background()
	all, err := stand.New(ctx, stand.Options{Root: root, Race: true})
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
	var client *http.Client
	if client, err = rest.HTTPClientFor(all.Plane.Config()); err != nil {
		return 1, err
	}
	if cluster, err = localaws.DiscoverProvider(ctx, client, all.Plane.Config().Host); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
