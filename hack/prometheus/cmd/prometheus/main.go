// Command prometheus installs Debian's package prometheus if it is missing, or says that tests of metrics, alerts and
// dashboards cannot run.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/secretsync/secretsync/hack/prometheus"
)

func main() {
	if err := prometheus.Install(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "prometheus:", err)
		os.Exit(1)
	}
	fmt.Println("prometheus: is installed, and metrics, alerts and dashboards are checked with it")
}
