package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the root of the repository.
const root = "../.."

// TestGeneratedFilesAreUpToDate: make generate writes them.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	files, err := generated(root)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range files {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil || string(content) != want {
			t.Errorf("%s is not up to date (%v): make generate", file, err)
		}
	}
}

// TestMetricsFollowTheConventions: of Prometheus for names, and a sentence that explains each.
func TestMetricsFollowTheConventions(t *testing.T) {
	metrics, err := metricsIn(root, "controllers", "cmd/manager")
	if err != nil {
		t.Fatal(err)
	}
	if len(metrics) < 20 {
		t.Fatalf("only %d metrics were found", len(metrics))
	}
	names := map[string]bool{}
	for _, m := range metrics {
		if names[m.name] {
			t.Errorf("two metrics are named %s", m.name)
		}
		names[m.name] = true
		if !strings.HasPrefix(m.name, "secretsync_") || strings.HasSuffix(m.name, "_total") != (m.kind == "counter") {
			t.Errorf("%s %s: metrics begin with secretsync_, and counters, and no other kind, end in _total", m.kind, m.name)
		}
		if m.kind == "histogram" && (!m.native || m.unit() != "seconds") {
			t.Errorf("histogram %s is not native, or not in seconds", m.name)
		}
		if !strings.HasSuffix(m.help, ".") {
			t.Errorf("the help of %s is no sentence: %s", m.name, m.help)
		}
	}
}

func TestMetricsOfAFile(t *testing.T) {
	const head = "package p\n\nvar _ = prometheus."
	for code, want := range map[string]string{
		`NewGauge(prometheus.GaugeOpts{Name: "a_seconds", Help: "A."})`:                                            "a_seconds gauge [] seconds A. false",
		`NewCounterVec(prometheus.CounterOpts{Name: "b_total", Help: "B | C."}, []string{"x", "y"})`:               "b_total counter [x y] none B | C. false",
		`NewHistogram(prometheus.HistogramOpts{Name: "c_bytes", Help: "C.", NativeHistogramBucketFactor: factor})`: "c_bytes histogram [] bytes C. true",
		`NewGaugeFunc(prometheus.GaugeOpts{Name: "d", Help: "D."}, func() float64 { return 0 })`:                   "d gauge [] none D. false",
		`NewGauge(prometheus.GaugeOpts{Name: name, Help: "A."})`:                                                   "must be literals",
		`NewGauge(prometheus.GaugeOpts{Name: "a"})`:                                                                "needs a name and a help text",
		`NewGauge(prometheus.GaugeOpts{Name: "a", Help: "A.", ConstLabels: labels})`:                               "ConstLabels",
		`NewGaugeVec(prometheus.GaugeOpts{Name: "a", Help: "A."}, labels)`:                                         "labels of a metric must be a literal",
		`NewGaugeVec(prometheus.GaugeOpts{Name: "a", Help: "A."}, []string{label})`:                                "must be literals",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", head+code, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		found, err := metricsOf(file)
		got := ""
		if err != nil {
			got = err.Error()
		} else if len(found) == 1 {
			m := found[0]
			got = strings.Join([]string{m.name, m.kind, "[" + strings.Join(m.labels, " ") + "]", m.unit(), m.help, map[bool]string{true: "true", false: "false"}[m.native]}, " ")
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s gives %q, want %q", code, got, want)
		}
	}
}
