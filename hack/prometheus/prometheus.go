// Package prometheus finds the programs of Prometheus, which tests of metrics, alerts and dashboards run. Debian's
// package prometheus has them.
//
// It imports nothing of the project.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Programs that tests run.
const (
	Promtool = "promtool"
	Server   = "prometheus"
)

// errMissing is the cause of an error where a program is not installed.
var errMissing = errors.New("is not installed: on Debian `apt-get install --no-install-recommends prometheus` brings it")

// Find gives the path of a program.
func Find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s %w", program, errMissing)
	}
	return path, nil
}

// Need gives the path of a program to a test, which is skipped where it is missing. .ci/run installs it beforehand, and its
// first line says whether it could.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := Find(program)
	if err != nil {
		t.Skip(err)
	}
	return path
}

// Install installs the programs if they are missing, this is a Debian, and the user is root.
func Install(ctx context.Context) error {
	_, promtool := Find(Promtool)
	_, server := Find(Server)
	missing := errors.Join(promtool, server)
	if _, err := exec.LookPath("apt-get"); missing == nil || err != nil || os.Geteuid() != 0 {
		return missing
	}
	// The package starts a service where systemd runs. Tests start servers of their own.
	for _, arguments := range [][]string{{"update", "-qq"}, {"install", "-qq", "--yes", "--no-install-recommends", "prometheus"}} {
		command := exec.CommandContext(ctx, "apt-get", arguments...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", arguments[0], err, output)
		}
	}
	return nil
}
