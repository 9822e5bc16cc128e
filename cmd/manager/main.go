// Command manager is the operator: it parses its options, connects the packages, and runs until it gets a signal to
// stop. It is the only package that imports all others.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// version is set by the build.
var version = "dev"

func main() {
	o, err := parseOptions(os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // parseOptions has printed why.
	}
	if o.showVersion {
		fmt.Println("secretsync", version)
		return
	}
	log := logger(o, os.Stderr)
	ctrl.SetLogger(log)
	klog.SetLogger(libraryLogger(log))
	collectOften(os.Getenv)
	limitMemory(o.memoryLimit, os.Getenv)
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		log.Error(err, "manager stopped")
		os.Exit(1)
	}
}
