package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// metric is a metric that the code creates.
type metric struct {
	name, help string
	// kind is counter, gauge or histogram.
	kind   string
	labels []string
	// native says that the histogram is also served as a native histogram.
	native bool
}

// unit is the unit of a metric, by the last part of its name.
func (m metric) unit() string {
	switch {
	case strings.HasSuffix(m.name, "_seconds"):
		return "seconds"
	case strings.HasSuffix(m.name, "_bytes"):
		return "bytes"
	}
	return "none"
}

// kindOf is the kind of metric that a type of options creates; empty for any other type.
func kindOf(options string) string {
	switch options {
	case "CounterOpts", "GaugeOpts", "HistogramOpts":
		return strings.ToLower(strings.TrimSuffix(options, "Opts"))
	}
	return ""
}

// metricsIn are the metrics that the packages in folders create, sorted by name.
func metricsIn(root string, folders ...string) (found []metric, err error) {
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(at string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(at) != ".go" || strings.HasSuffix(at, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, at, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			created, err := metricsOf(file)
			if err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			found = append(found, created...)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	return found, nil
}

// metricsOf are the metrics that a file creates by prometheus.New…(prometheus.…Opts{…}, …).
func metricsOf(file *ast.File) (found []metric, err error) {
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 || err != nil {
			return err == nil
		}
		options, ok := call.Args[0].(*ast.CompositeLit)
		if !ok {
			return true
		}
		kind := kindOf(ofPrometheus(options.Type))
		if kind == "" {
			return true
		}
		created := metric{kind: kind}
		if err = created.read(options); err == nil && strings.HasSuffix(ofPrometheus(call.Fun), "Vec") {
			created.labels, err = texts(call.Args[len(call.Args)-1])
		}
		found = append(found, created)
		return true
	})
	return found, err
}

// ofPrometheus is the name of what is selected from the package prometheus; empty for anything else.
func ofPrometheus(node ast.Expr) string {
	if selected, ok := node.(*ast.SelectorExpr); ok {
		if from, ok := selected.X.(*ast.Ident); ok && from.Name == "prometheus" {
			return selected.Sel.Name
		}
	}
	return ""
}

// read reads the options of a metric. Their texts must be literals.
func (m *metric) read(options *ast.CompositeLit) (err error) {
	for _, element := range options.Elts {
		field, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return fmt.Errorf("options of a metric without names of fields")
		}
		switch name := field.Key.(*ast.Ident).Name; name {
		case "Name":
			m.name, err = text(field.Value)
		case "Help":
			m.help, err = text(field.Value)
		case "NativeHistogramBucketFactor":
			m.native = true
		case "Namespace", "Subsystem", "ConstLabels":
			err = fmt.Errorf("a metric has %s: write its whole name into Name, and its labels into a vector", name)
		}
		if err != nil {
			return err
		}
	}
	if m.name == "" || m.help == "" {
		return fmt.Errorf("metric %q needs a name and a help text", m.name)
	}
	return nil
}

// text is the value of a literal.
func text(node ast.Expr) (string, error) {
	literal, ok := node.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", fmt.Errorf("the texts of a metric must be literals, so that the list of metrics can be generated")
	}
	return strconv.Unquote(literal.Value)
}

// texts are the values of a literal of a list.
func texts(node ast.Expr) (all []string, err error) {
	list, ok := node.(*ast.CompositeLit)
	if !ok {
		return nil, fmt.Errorf("the labels of a metric must be a literal, so that the list of metrics can be generated")
	}
	for _, element := range list.Elts {
		label, err := text(element)
		if err != nil {
			return nil, err
		}
		all = append(all, label)
	}
	return all, nil
}

// metricsHead is the page before its table.
const metricsHead = `# Metrics

<!-- Generated from the code: make generate -->

These are the operator's own metrics at ` + "`/metrics`" + `. The metrics of controller-runtime (` + "`controller_runtime_…`, `workqueue_…`,\n" +
	"`rest_client_…`, `leader_election_…`) and of Go (`go_…`, `process_…`" + `) are served too. [Operations](../operations.md#metrics)
describes how to scrape them.

- No label has the name of a SecretSync, a Secret or a secret. ` + "`secretsync_namespace`" + ` is empty unless
  ` + "`--metrics-namespaces`" + ` is set. The number of series does not grow with the number of SecretSyncs.
- ` + "`reason`" + ` is a reason of the condition, as in [Troubleshooting](../troubleshooting.md).
- A histogram is served with buckets, and as a native histogram to a Prometheus that asks for those.
- Only the leader has values other than zero in metrics of SecretSyncs.

| metric | type | labels | unit | meaning |
|---|---|---|---|---|
`

// pageOf is the page of metrics.
func pageOf(metrics []metric) string {
	var page strings.Builder
	page.WriteString(metricsHead)
	for _, m := range metrics {
		labels := ""
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s |\n", m.name, m.kind, labels, m.unit(), strings.ReplaceAll(m.help, "|", `\|`))
	}
	return page.String()
}
