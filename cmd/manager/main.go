// Command manager is the operator: it reads its options, puts the rooms together and runs them until
// it is told to stop. It is the only place that sees all of them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
)

// version is set by the build.
var version = "dev"

func main() {
	options, err := parseOptions(os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // The flag package has said why.
	}
	if options.showVersion {
		fmt.Println("secretsync", version)
		return
	}
	log := logger(options, os.Stderr)
	ctrl.SetLogger(log)
	collectOften(os.Getenv)
	keepBelow(options.memoryLimit, os.Getenv)
	if err := run(ctrl.SetupSignalHandler(), options); err != nil {
		log.Error(err, "manager stopped")
		os.Exit(1)
	}
}
