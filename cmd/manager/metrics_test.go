package main

import (
	"maps"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// TestTheProcessSaysWhetherItLeads, and which build it is. The metrics of Go are the usual ones.
func TestTheProcessSaysWhetherItLeads(t *testing.T) {
	registry, elected := prometheus.NewRegistry(), make(chan struct{})
	registry.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsAll)))
	if err := registerProcessMetrics(registry, elected); err != nil {
		t.Fatal(err)
	}
	gathered := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]float64{}
		for _, family := range families {
			name := family.GetName()
			if strings.HasPrefix(name, "go_") {
				if strings.HasPrefix(name, "go_godebug_") {
					t.Errorf("%s is served", name)
				}
				continue
			}
			for _, label := range family.GetMetric()[0].GetLabel() {
				name += " " + label.GetValue()
			}
			found[name] = family.GetMetric()[0].GetGauge().GetValue()
		}
		return found
	}
	want := map[string]float64{"secretsync_build_info " + runtime.Version() + " dev": 1, "secretsync_leader": 0}
	if got := gathered(); !maps.Equal(got, want) {
		t.Errorf("before it leads: %v, want %v", got, want)
	}
	close(elected)
	if got := gathered()["secretsync_leader"]; got != 1 {
		t.Errorf("while it leads, secretsync_leader is %v", got)
	}
	if registerProcessMetrics(registry, elected) == nil {
		t.Error("registering twice is no error")
	}
}
