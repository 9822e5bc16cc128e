// Command chart generates the README of the Helm chart from Chart.yaml and from the comments in values.yaml. Its tests
// render the chart: each value has a row that sets it and says where the manifests must show it.
//
//	go run ./hack/chart config/chart
//
// It imports nothing of the project but, in tests, the API.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chart FOLDER, the folder of the chart")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// run writes README.md into the folder of a chart.
func run(folder string) error {
	metadata, err := os.ReadFile(filepath.Join(folder, "Chart.yaml"))
	if err != nil {
		return err
	}
	values, err := os.ReadFile(filepath.Join(folder, "values.yaml"))
	if err != nil {
		return err
	}
	page, err := readme(metadata, values)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "README.md"), []byte(page), 0o600) // An existing file keeps its mode.
}

// chart is what the README says of Chart.yaml.
type chart struct {
	Name, Description, Home string
	Version                 string
	KubeVersion             string `yaml:"kubeVersion"`
}

// head is the README before its table. Artifact Hub shows the page too, so links are absolute.
const head = `# %[1]s

<!-- Generated from Chart.yaml and the comments in values.yaml: make generate -->

%[2]s.

` + "```sh" + `
helm install %[1]s oci://ghcr.io/secretsync/charts/%[1]s --version %[5]s \
  --namespace %[1]s-system --create-namespace
` + "```" + `

Kubernetes %[3]s. The page [Operations](%[4]s/blob/main/docs/operations.md) describes
identities, upgrades, more than one replica, metrics and uninstalling. The chart refuses values that it does not know.

| value | default | meaning |
|---|---|---|
`

// readme is the README of a chart.
func readme(metadata, values []byte) (string, error) {
	var about chart
	if err := yaml.Unmarshal(metadata, &about); err != nil {
		return "", fmt.Errorf("reading Chart.yaml: %w", err)
	}
	all, err := valuesOf(values)
	if err != nil {
		return "", err
	}
	var page strings.Builder
	oldest := strings.TrimSuffix(strings.Replace(about.KubeVersion, ">=", "≥ ", 1), "-0")
	fmt.Fprintf(&page, head, about.Name, about.Description, oldest, about.Home, about.Version)
	for _, v := range all {
		shown := ""
		if v.leaf {
			shown = "`" + v.written + "`"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", v.at, cell(shown), cell(v.comment))
	}
	return page.String(), nil
}

// cell is a text as a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
