// Command monitoring generates the list of metrics from the code.
//
//	go run ./hack/monitoring
//
// It runs in the root of the repository, and imports nothing of the project.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// metricsPage is the generated list of metrics.
const metricsPage = "docs/reference/metrics.md"

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

// run writes all generated files of the repository whose root this is.
func run(root string) error {
	files, err := generated(root)
	if err != nil {
		return err
	}
	for file, content := range files {
		// An existing file keeps its mode.
		if err := os.WriteFile(filepath.Join(root, file), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generated are the generated files, by their path.
func generated(root string) (map[string]string, error) {
	metrics, err := metricsIn(root, "controllers", "cmd/manager")
	if err != nil {
		return nil, err
	}
	return map[string]string{metricsPage: pageOf(metrics)}, nil
}
