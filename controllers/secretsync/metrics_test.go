package secretsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/target"
)

// counts and gauges are the names of the metrics that are created and that are watched.
func counts() []string {
	return []string{"secretsync_syncs_total", "secretsync_propagation_seconds", "secretsync_propagation_to_workloads_seconds", "secretsync_rotation_interval_seconds"}
}

func gauges() []string {
	return []string{"secretsync_ready", "secretsync_not_ready_seconds", "secretsync_rotation_health", "secretsync_workloads_restarted",
		"secretsync_oldest_version_seconds", "secretsync_stale_objects", "secretsync_parked_objects", "secretsync_most_overdue_seconds"}
}

func (e *environment) gathered(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	families, err := e.options.Metrics.registerer.(*prometheus.Registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// checkMeasured looks how many times a histogram has measured, and how much together.
func checkMeasured(t *testing.T, name string, histogram prometheus.Histogram, count uint64, sum float64) {
	t.Helper()
	measured := &dto.Metric{}
	if err := histogram.Write(measured); err != nil {
		t.Fatal(err)
	}
	if got := measured.Histogram.GetSampleCount(); got != count {
		t.Errorf("%s: %d measured, want %d", name, got, count)
	}
	if got := measured.Histogram.GetSampleSum(); got != sum {
		t.Errorf("%s: %g seconds together, want %g", name, got, sum)
	}
}

// TestEveryMetricIsRegisteredAndExplained: each by its name, with a help text.
func TestEveryMetricIsRegisteredAndExplained(t *testing.T) {
	e := newEnvironment(t, inStatus("v1"))
	if err := e.options.Metrics.watch(e.Controller); err != nil {
		t.Fatal(err)
	}
	e.options.Metrics.synced(&e.reportOf(e.stored(t), "v1").outcome)
	failing := statusOf(metav1.ConditionFalse, v1alpha1.ReasonAccessDenied)
	e.states.of(here, "uid").conditions.wrote(&failing)
	missing := map[string]bool{}
	for _, name := range append(counts(), gauges()...) {
		missing[name] = true
	}
	for _, family := range e.gathered(t) {
		delete(missing, family.GetName())
		if family.GetHelp() == "" {
			t.Errorf("%s has no help text", family.GetName())
		}
		if histogram := family.GetMetric()[0].GetHistogram(); histogram != nil && family.GetName() != "secretsync_rotation_interval_seconds" {
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

// TestAMetricThatCannotBeRegisteredIsSaid: a metric that is missing looks like one that is zero.
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

// TestReconcilesAreCountedByTheirOutcome: those that did not ask AWS are not.
func TestReconcilesAreCountedByTheirOutcome(t *testing.T) {
	wrote := func(outcome target.Outcome) func(*status.Outcome) {
		return func(o *status.Outcome) { o.Write = writtenAs(outcome) }
	}
	failing := func(reason string, change func(*status.Outcome)) func(*status.Outcome) {
		return func(o *status.Outcome) {
			change(o)
			o.Failure = failedBy(reason, failure.Transient)
		}
	}
	nothing := func(*status.Outcome) {}
	for name, test := range map[string]struct {
		change func(*status.Outcome)
		want   map[string]float64
	}{
		"created":                 {wrote(target.Created), map[string]float64{"created": 1}},
		"updated":                 {wrote(target.Updated), map[string]float64{"updated": 1}},
		"written as it was":       {wrote(target.Unchanged), map[string]float64{"unchanged": 1}},
		"a poll":                  {nothing, map[string]float64{"unchanged": 1}},
		"nothing answered":        {func(o *status.Outcome) { o.Set.Answered = false }, map[string]float64{}},
		"nothing asked":           {func(o *status.Outcome) { o.Set = nil }, map[string]float64{}},
		"a refusal":               {failing(v1alpha1.ReasonAccessDenied, nothing), map[string]float64{"failed AccessDenied": 1}},
		"a failure after a write": {failing(v1alpha1.ReasonRegionUnavailable, wrote(target.Updated)), map[string]float64{"failed RegionUnavailable": 1}},
	} {
		e := newEnvironment(t, inStatus("v1"))
		outcome := &e.reportOf(e.stored(t), "v1").outcome
		test.change(outcome)
		e.options.Metrics.synced(outcome)
		got := map[string]float64{}
		for _, family := range e.gathered(t) {
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

func TestPropagationIsMeasuredFromAWSIntoTheSecret(t *testing.T) {
	e := newEnvironment(t, fresh())
	for _, test := range []struct{ created, former, written time.Time }{
		{noon, noon.Add(-time.Hour), noon.Add(3 * time.Second)},
		{noon, noon.Add(-time.Hour), noon.Add(-time.Second)}, // AWS's clock is ahead.
		{noon, time.Time{}, noon.Add(time.Minute)},           // A first sync.
		{noon, noon.Add(time.Hour), noon.Add(time.Minute)},   // A rollback.
		{time.Time{}, noon, noon.Add(time.Minute)},           // A version of which it is not known when it was created.
	} {
		e.options.Metrics.propagated(test.created, test.former, test.written)
	}
	for _, family := range e.gathered(t) {
		if family.GetName() == "secretsync_propagation_seconds" {
			checkMeasured(t, "propagation", e.options.Metrics.propagation, 2, 3)
			checkMeasured(t, "intervals", e.options.Metrics.intervals, 2, 2*time.Hour.Seconds())
			return
		}
	}
	t.Error("there is no such metric")
}

// TestAReportMeasuresPropagation: once for a version that came after the former one, by when the Secret was
// written and not by when that was reported.
func TestAReportMeasuresPropagation(t *testing.T) {
	e := newEnvironment(t, inStatus("version-1"))
	secretSync := e.stored(t)
	secretSync.Status.Sources[0].VersionCreatedTime = &metav1.Time{Time: noon.Add(-time.Hour)}
	r := e.reportOf(secretSync, "version-2")
	r.outcome.Set.Inputs[0].Fetched.Version.Created = noon.Add(-7 * time.Second)
	r.outcome.Write = writtenAs(target.Updated)
	e.clock.SetTime(noon.Add(time.Minute))
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	checkMeasured(t, "a rotation", e.options.Metrics.propagation, 1, 7)
}

// TestAnEditIsNoPropagation: the version has been in the Secret; status knows to the second when it was created.
func TestAnEditIsNoPropagation(t *testing.T) {
	e := newEnvironment(t, inStatus("v1"))
	secretSync := e.stored(t)
	secretSync.Status.Sources[0].VersionCreatedTime = &metav1.Time{Time: noon.Add(-time.Hour)}
	r := e.reportOf(secretSync, "v1")
	r.outcome.Set.Inputs[0].Fetched.Version.Created = noon.Add(-time.Hour + time.Millisecond)
	r.outcome.Write = writtenAs(target.Updated)
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if sent := e.sent(); len(sent) != 1 {
		t.Errorf("events %q", sent)
	}
	checkMeasured(t, "an edit", e.options.Metrics.propagation, 0, 0)
}

// TestTheWayToWorkloadsBeginsWithTheNewestVersion: where AWS has said when that was created.
func TestTheWayToWorkloadsBeginsWithTheNewestVersion(t *testing.T) {
	created := func(ago ...time.Duration) (sources []v1alpha1.SourceStatus) {
		for _, before := range ago {
			sources = append(sources, v1alpha1.SourceStatus{VersionCreatedTime: &metav1.Time{Time: noon.Add(-before)}})
		}
		return sources
	}
	for name, test := range map[string]struct {
		sources []v1alpha1.SourceStatus
		count   uint64
		sum     float64
	}{
		"the newest first":      {created(7*time.Second, time.Hour), 1, 7},
		"the newest last":       {created(time.Hour, 7*time.Second), 1, 7},
		"AWS's clock is ahead":  {created(-time.Minute), 1, 0},
		"not known":             {[]v1alpha1.SourceStatus{{}}, 0, 0},
		"known of one of two":   {append(created(9*time.Second), v1alpha1.SourceStatus{}), 1, 9},
		"made of nothing there": {nil, 0, 0},
	} {
		e := newEnvironment(t, fresh())
		e.options.Metrics.rolledOut(test.sources, noon)
		checkMeasured(t, name, e.options.Metrics.rollouts, test.count, test.sum)
	}
}
