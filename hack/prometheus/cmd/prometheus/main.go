// Command prometheus installs Debian's package prometheus if it is missing, or says that tests of metrics, alerts and
// dashboards cannot run.
package main

import (
	"context"
	"fmt"

	"github.com/secretsync/secretsync/hack/prometheus"
)

func main() {
	if err := prometheus.Install(context.Background()); err != nil {
		fmt.Println("prometheus: SKIPPED, metrics, alerts and dashboards are not checked with Prometheus here:", err)
		return
	}
	fmt.Println("prometheus: is installed, and metrics, alerts and dashboards are checked with it")
}
