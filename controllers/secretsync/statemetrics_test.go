package secretsync

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// statusOf is a status with a condition Ready, which is an hour old.
func statusOf(ready metav1.ConditionStatus, reason string) v1alpha1.SecretSyncStatus {
	return v1alpha1.SecretSyncStatus{Conditions: []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: ready, Reason: reason, LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))},
	}}
}

// states of SecretSyncs, by namespace and name.
func stateMetricsOf(namespaces int, all map[string]v1alpha1.SecretSyncStatus) *stateMetrics {
	known := newStates(func() time.Time { return noon })
	for at, status := range all {
		namespace, name, _ := strings.Cut(at, "/")
		known.of(types.NamespacedName{Namespace: namespace, Name: name}, "uid").conditions.wrote(&status)
	}
	return newStateMetrics(known, func() time.Time { return noon }, namespaces)
}

// series are those of a collector that are not zero: their name, the values of their labels, and the value.
func series(t *testing.T, collector prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "secretsync_")
			for _, label := range metric.GetLabel() {
				if label.GetValue() != "" {
					name += " " + label.GetValue()
				}
			}
			if value := metric.GetGauge().GetValue(); value != 0 {
				found[name] = value
			}
		}
	}
	return found
}

// TestStatesAreCounted: by their conditions, and without the names of namespaces.
func TestStatesAreCounted(t *testing.T) {
	rotating := statusOf(metav1.ConditionTrue, v1alpha1.ReasonSynced)
	rotating.Conditions = append(rotating.Conditions,
		metav1.Condition{Type: v1alpha1.ConditionRotationHealthy, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRotationStuck},
		metav1.Condition{Type: v1alpha1.ConditionWorkloadsRestarted, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRolloutFailed})
	rotating.Sources = []v1alpha1.SourceStatus{
		{VersionStage: resolve.StagePrevious, VersionCreatedTime: &metav1.Time{Time: noon.Add(-9 * time.Hour)}},
		{VersionStage: "AWSCURRENT", VersionCreatedTime: &metav1.Time{Time: noon.Add(-time.Hour)}},
		{VersionStage: "AWSCURRENT", VersionCreatedTime: &metav1.Time{Time: noon.Add(-3 * time.Hour)}},
		{VersionStage: "AWSCURRENT"},
	}
	denied := statusOf(metav1.ConditionFalse, v1alpha1.ReasonAccessDenied)
	denied.Conditions[0].LastTransitionTime = metav1.NewTime(noon.Add(-2 * time.Hour))
	got := series(t, stateMetricsOf(0, map[string]v1alpha1.SecretSyncStatus{
		"a/synced": statusOf(metav1.ConditionTrue, v1alpha1.ReasonSynced), "a/rotating": rotating, "a/denied": denied,
		"b/denied":    statusOf(metav1.ConditionFalse, v1alpha1.ReasonAccessDenied),
		"b/suspended": statusOf(metav1.ConditionTrue, v1alpha1.ReasonSuspended), "b/unknown": {},
	}))
	want := map[string]float64{
		"ready Synced True": 2, "ready AccessDenied False": 2, "ready Suspended True": 1, "not_ready_seconds AccessDenied": 7200,
		"rotation_health RotationStuck": 1, "workloads_restarted RolloutFailed": 1, "oldest_version_seconds": 3 * 3600,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

// TestNamespacesHaveSeriesUpToABound: those with the most SecretSyncs that are not ready, then the first ones.
func TestNamespacesHaveSeriesUpToABound(t *testing.T) {
	all := map[string]v1alpha1.SecretSyncStatus{
		"z/1": statusOf(metav1.ConditionFalse, v1alpha1.ReasonThrottled), "z/2": statusOf(metav1.ConditionFalse, v1alpha1.ReasonThrottled),
		"y/1": statusOf(metav1.ConditionFalse, v1alpha1.ReasonThrottled), "c/1": statusOf(metav1.ConditionTrue, v1alpha1.ReasonSynced),
		"a/1": statusOf(metav1.ConditionTrue, v1alpha1.ReasonSynced), "b/1": statusOf(metav1.ConditionTrue, v1alpha1.ReasonSynced),
	}
	got := series(t, stateMetricsOf(3, all))
	want := map[string]float64{
		"ready Throttled z False": 2, "ready Throttled y False": 1, "ready Synced a True": 1, "ready Synced _other True": 2,
		"not_ready_seconds Throttled z": 3600, "not_ready_seconds Throttled y": 3600,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

// TestSeriesDoNotGrowWithTheNumberOfSecretSyncs: nor with that of namespaces, whatever state they are in.
func TestSeriesDoNotGrowWithTheNumberOfSecretSyncs(t *testing.T) {
	reasons := matchesOf(t, "Reason")
	all := map[string]v1alpha1.SecretSyncStatus{}
	for n := range 1000 {
		status := statusOf(metav1.ConditionFalse, reasons[n%len(reasons)])
		status.Conditions = append(status.Conditions,
			metav1.Condition{Type: v1alpha1.ConditionRotationHealthy, Reason: rotationReasons()[n%len(rotationReasons())]},
			metav1.Condition{Type: v1alpha1.ConditionWorkloadsRestarted, Reason: restartReasons()[n%len(restartReasons())]})
		all[fmt.Sprintf("namespace-%d/db-%d", n%500, n)] = status
	}
	if got := len(series(t, stateMetricsOf(0, all))); got > 2*len(reasons)+20 {
		t.Errorf("%d series", got)
	}
	namespaces := map[string]bool{}
	for name := range series(t, stateMetricsOf(10, all)) {
		if fields := strings.Fields(name); strings.Contains(name, "namespace-") || strings.Contains(name, otherNamespaces) {
			namespaces[fields[2]] = true
		}
	}
	if len(namespaces) != 11 {
		t.Errorf("%d namespaces have series", len(namespaces))
	}
}

// TestTheStatusThatWasReadCountsUntilOneIsWritten: after a restart of the operator nothing is written where all is in
// sync, and the cache may show an older status than the one that was written.
func TestTheStatusThatWasReadCountsUntilOneIsWritten(t *testing.T) {
	var known conditions
	for _, step := range []struct {
		note   func(*v1alpha1.SecretSyncStatus)
		reason string
		want   string
	}{{known.read, "first", "first"}, {known.read, "stale", "first"}, {known.wrote, "second", "second"}, {known.read, "first", "second"}} {
		status := statusOf(metav1.ConditionTrue, step.reason)
		if step.note(&status); known.summary().reason != step.want {
			t.Errorf("after %s the reason is %s, want %s", step.reason, known.summary().reason, step.want)
		}
	}
	stored := inStatus("v1")
	stored.Status.Conditions = statusOf(metav1.ConditionTrue, v1alpha1.ReasonSynced).Conditions
	e := newEnvironment(t, stored)
	if _, _, _, err := e.read(t.Context(), here); err != nil {
		t.Fatal(err)
	}
	stored = e.stored(t)
	if got, want := e.states.summaries()[here], summarize(&stored.Status); got != want || got.ready == "" {
		t.Errorf("of a SecretSync that was read %v is known, want %v", got, want)
	}
	e.states.forget(here)
	if left := len(e.states.summaries()); left != 0 {
		t.Errorf("%d SecretSyncs are counted after the only one is deleted", left)
	}
}

// TestEveryReasonIsCounted: each that the API declares for the conditions RotationHealthy and WorkloadsRestarted.
func TestEveryReasonIsCounted(t *testing.T) {
	for _, test := range []struct{ declared, counted []string }{
		{matchesOf(t, "ReasonRotation"), rotationReasons()},
		{append(matchesOf(t, "ReasonRoll"), matchesOf(t, "ReasonRestart")...), restartReasons()},
	} {
		slices.Sort(test.declared)
		slices.Sort(test.counted)
		if diff := cmp.Diff(test.declared, test.counted); diff != "" {
			t.Errorf("reasons (-declared +counted):\n%s", diff)
		}
	}
}

// matchesOf are the values of the constants of the API whose name has a prefix.
func matchesOf(t *testing.T, prefix string) (declared []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/conditions.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if constant, ok := node.(*ast.ValueSpec); ok && strings.HasPrefix(constant.Names[0].Name, prefix) {
			value, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, value)
		}
		return true
	})
	return declared
}
