package secretsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// counts and gauges are the names of the metrics that are made and that are watched.
func counts() []string {
	return []string{"secretsync_syncs_total", "secretsync_propagation_seconds", "secretsync_propagation_to_workloads_seconds"}
}

func gauges() []string {
	return []string{"secretsync_rotation_health", "secretsync_stale_objects", "secretsync_parked_objects", "secretsync_most_overdue_seconds"}
}

// TestEveryMetricIsRegisteredAndExplained: each by its name, with a help text.
func TestEveryMetricIsRegisteredAndExplained(t *testing.T) {
	d := newDesk(t)
	if err := d.Metrics.watch(d.Controller); err != nil {
		t.Fatal(err)
	}
	d.Metrics.count(&pass{observed: true}, nil)
	missing := map[string]bool{}
	for _, name := range append(counts(), gauges()...) {
		missing[name] = true
	}
	for _, family := range gathered(t, d) {
		delete(missing, family.GetName())
		if family.GetHelp() == "" {
			t.Errorf("%s has no help text", family.GetName())
		}
		if histogram := family.GetMetric()[0].GetHistogram(); histogram != nil {
			buckets := histogram.GetBucket()
			if first, last := buckets[0].GetUpperBound(), buckets[len(buckets)-1].GetUpperBound(); first != .5 || last != (24*time.Hour).Seconds() {
				t.Errorf("%s reaches from %g to %g seconds: an event is followed at once, and a poll may come once a day", family.GetName(), first, last)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("not registered: %v", missing)
	}
}

// TestAMetricThatCannotBeRegisteredIsSaid: a metric that stays away looks like one that is zero.
func TestAMetricThatCannotBeRegisteredIsSaid(t *testing.T) {
	taken := func(name string) *prometheus.Registry {
		registry := prometheus.NewRegistry()
		registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "of another"}))
		return registry
	}
	for _, name := range counts() {
		if _, err := NewMetrics(taken(name)); err == nil {
			t.Errorf("%s is not registered, and there is no error", name)
		}
	}
	for _, name := range gauges() {
		metrics, err := NewMetrics(taken(name))
		if err != nil {
			t.Fatal(err)
		}
		if metrics.watch(New(Options{})) == nil {
			t.Errorf("%s is not registered, and there is no error", name)
		}
	}
}

// TestPassesAreCountedByTheirOutcome: those that did not ask AWS are not.
func TestPassesAreCountedByTheirOutcome(t *testing.T) {
	wrote := func(outcome target.Outcome) func(*pass) {
		return func(p *pass) { p.applied = &target.Result{Outcome: outcome} }
	}
	for name, test := range map[string]struct {
		change func(*pass)
		f      *failure
		want   map[string]float64
	}{
		"created":               {wrote(target.Created), nil, map[string]float64{"created": 1}},
		"updated":               {wrote(target.Updated), nil, map[string]float64{"updated": 1}},
		"written as it was":     {wrote(target.Unchanged), nil, map[string]float64{"unchanged": 1}},
		"a poll":                {func(*pass) {}, nil, map[string]float64{"unchanged": 1}},
		"nothing asked":         {func(p *pass) { p.observed = false }, nil, map[string]float64{}},
		"a refusal":             {func(*pass) {}, refusal, map[string]float64{"failed AccessDenied": 1}},
		"trouble after a write": {wrote(target.Updated), outage, map[string]float64{"failed RegionUnavailable": 1}},
	} {
		p, d := written("v1", "v1"), newDesk(t)
		test.change(p)
		d.announce(t.Context(), p, test.f)
		got := map[string]float64{}
		for _, family := range gathered(t, d) {
			for _, metric := range family.GetMetric() {
				if family.GetName() == "secretsync_syncs_total" {
					label := metric.GetLabel()[0].GetValue()
					if reason := metric.GetLabel()[1].GetValue(); reason != "" {
						label += " " + reason
					}
					got[label] = metric.GetCounter().GetValue()
				}
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheWayToWorkloadsBeginsWithTheNewestVersion: where AWS has said when that was made.
func TestTheWayToWorkloadsBeginsWithTheNewestVersion(t *testing.T) {
	made := func(ago ...time.Duration) (sources []v1alpha1.SourceStatus) {
		for _, one := range ago {
			sources = append(sources, v1alpha1.SourceStatus{VersionCreatedTime: second(noon.Add(-one))})
		}
		return sources
	}
	for name, test := range map[string]struct {
		sources []v1alpha1.SourceStatus
		count   uint64
		sum     float64
	}{
		"the newest first":      {made(7*time.Second, time.Hour), 1, 7},
		"the newest last":       {made(time.Hour, 7*time.Second), 1, 7},
		"AWS's clock is ahead":  {made(-time.Minute), 1, 0},
		"not known":             {[]v1alpha1.SourceStatus{{}}, 0, 0},
		"known of one of two":   {append(made(9*time.Second), v1alpha1.SourceStatus{}), 1, 9},
		"made of nothing there": {nil, 0, 0},
	} {
		d, measured := newDesk(t), &dto.Metric{}
		d.Metrics.rolledOut(test.sources, noon)
		if err := d.Metrics.rollouts.Write(measured); err != nil {
			t.Fatal(err)
		}
		if count, sum := measured.Histogram.GetSampleCount(), measured.Histogram.GetSampleSum(); count != test.count || sum != test.sum {
			t.Errorf("%s: %d measured, %g seconds", name, count, sum)
		}
	}
}
