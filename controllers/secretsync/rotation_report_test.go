package secretsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// health describes a rotation as it is seen now, and gives the condition, or nil.
func (d *desk) health(p *pass, version source.Version) *metav1.Condition {
	p.before = p.sync.DeepCopy()
	d.describeRotation(p, rotationFacts{secretID: "db", version: version})
	return meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionRotationHealthy)
}

func TestANewVersionIsStuckOnceItHasBeenSeenForLong(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	waiting := rotating(source.Rotation{Enabled: true, Next: noon.Add(time.Hour), PendingVersion: "version-2"})
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, v1alpha1.ReasonRotationInProgress}, {rotationTakes, v1alpha1.ReasonRotationInProgress}, {rotationTakes + 1, v1alpha1.ReasonRotationStuck}} {
		now := noon.Add(step.after)
		d.clock.SetTime(now)
		waiting.Changed = now // Something about the secret changes all the time.
		if got := d.health(p, waiting); got.Reason != step.want {
			t.Errorf("after %s: %s", step.after, got.Reason)
		}
	}
	p.memory = &memory{} // The operator starts anew.
	if got := d.health(p, waiting); got.Reason != v1alpha1.ReasonRotationStuck {
		t.Errorf("after a restart: %s", got.Reason)
	}
}

func TestAnAgeThatIsNoLongerOneIsForgotten(t *testing.T) {
	p := written("version-1", "version-1")
	p.sync.Spec.Rotation = &v1alpha1.RotationExpectations{MaxAge: &metav1.Duration{Duration: time.Hour}}
	d := newDesk(t, p.before.DeepCopy())
	d.clock.SetTime(noon)
	if got := d.health(p, source.Version{Created: noon.Add(-2 * time.Hour)}); got == nil || got.Reason != v1alpha1.ReasonRotationTooOld {
		t.Fatalf("%v", got)
	}
	if got := d.health(p, source.Version{Created: noon}); got != nil {
		t.Errorf("%v", got)
	}
}

func TestEventsTellOfRotationsOnTransitions(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	now := func(status metav1.ConditionStatus, reason string) []string {
		p.before = p.sync.DeepCopy()
		d.set(p, condition(v1alpha1.ConditionRotationHealthy, status, reason, "because"))
		d.announceRotation(p)
		var sent []string
		for len(d.events.Events) > 0 {
			sent = append(sent, <-d.events.Events)
		}
		return sent
	}
	for _, step := range []struct {
		status metav1.ConditionStatus
		reason string
		want   []string
	}{
		{metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule, nil},
		{metav1.ConditionTrue, v1alpha1.ReasonRotationInProgress, nil},
		{metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, []string{"Warning RotationStuck because"}},
		{metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, nil},
		{metav1.ConditionFalse, v1alpha1.ReasonRotationFailed, []string{"Warning RotationFailed because"}},
		{metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule, []string{"Normal RotationRecovered Recovered from RotationFailed: because"}},
		{metav1.ConditionFalse, v1alpha1.ReasonRotationTooOld, []string{"Warning RotationTooOld because"}},
		{metav1.ConditionUnknown, v1alpha1.ReasonRotationDisabled, []string{"Normal RotationRecovered Recovered from RotationTooOld: because"}},
	} {
		if diff := cmp.Diff(step.want, now(step.status, step.reason)); diff != "" {
			t.Errorf("at %s:\n%s", step.reason, diff)
		}
	}
}

func TestMetricsTellOfRotations(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	if err := d.Metrics.watch(d.Controller); err != nil {
		t.Fatal(err)
	}
	for n, reason := range []string{v1alpha1.ReasonRotationStuck, v1alpha1.ReasonRotationStuck, v1alpha1.ReasonRotationOnSchedule} {
		p := written("version-1", "version-1")
		p.memory = d.memories.of(types.NamespacedName{Name: string(rune('a' + n))}, "uid")
		d.set(p, condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, reason, "because"))
		d.announceRotation(p)
	}
	d.memories.forget(types.NamespacedName{Name: "a"})
	got := map[string]float64{}
	for _, family := range gathered(t, d) {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "secretsync_rotation_health" && metric.GetGauge().GetValue() > 0 {
				got[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{v1alpha1.ReasonRotationStuck: 1, v1alpha1.ReasonRotationOnSchedule: 1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPropagationIsMeasuredFromAWSIntoTheSecret(t *testing.T) {
	d := newDesk(t)
	for _, test := range []struct{ made, former, written time.Time }{
		{noon, noon.Add(-time.Hour), noon.Add(3 * time.Second)},
		{noon, noon.Add(-time.Hour), noon.Add(-time.Second)}, // AWS's clock is ahead.
		{noon, time.Time{}, noon.Add(time.Minute)},           // A first sync.
		{noon, noon.Add(time.Hour), noon.Add(time.Minute)},   // A rollback.
		{time.Time{}, noon, noon.Add(time.Minute)},           // A version that was made nobody knows when.
	} {
		d.Metrics.propagated(test.made, test.former, test.written)
	}
	for _, family := range gathered(t, d) {
		if family.GetName() == "secretsync_propagation_seconds" {
			histogram := family.GetMetric()[0].GetHistogram()
			if histogram.GetSampleCount() != 2 || histogram.GetSampleSum() != 3 {
				t.Errorf("%d measures, %v seconds in all", histogram.GetSampleCount(), histogram.GetSampleSum())
			}
			return
		}
	}
	t.Error("there is no such metric")
}

func gathered(t *testing.T, d *desk) []*dto.MetricFamily {
	t.Helper()
	families, err := d.Metrics.registerer.(*prometheus.Registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// TestAReportMeasuresPropagation: once for a version that came after the former one, by when the Secret was
// written and not by when that was reported.
func TestAReportMeasuresPropagation(t *testing.T) {
	p := written("version-1", "version-2")
	former := metav1.NewTime(noon.Add(-time.Hour))
	p.before.Status.Sources[0].VersionCreatedTime = &former
	p.inputs[0].fetched.Version.Created = noon.Add(-7 * time.Second)
	p.applied, p.wrote = &target.Result{Outcome: target.Updated, UID: "secret", ResourceVersion: "7"}, noon
	d := newDesk(t, p.before.DeepCopy())
	d.clock.SetTime(noon.Add(time.Minute))
	if _, err := d.report(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	measured := &dto.Metric{}
	if err := d.Metrics.propagation.Write(measured); err != nil {
		t.Fatal(err)
	}
	if count, sum := measured.Histogram.GetSampleCount(), measured.Histogram.GetSampleSum(); count != 1 || sum != 7 {
		t.Errorf("%d measured, %g seconds together", count, sum)
	}
}

// Where nothing is known of a rotation the condition stays as it is, and no age is judged that none is set for.
func TestWhatIsNotKnownOfARotationChangesNothing(t *testing.T) {
	p := written("version-1", "version-1")
	p.sync.Spec.Rotation = &v1alpha1.RotationExpectations{}
	d := newDesk(t, p.before.DeepCopy())
	d.clock.SetTime(noon)
	if got := d.health(p, source.Version{Created: noon.AddDate(-1, 0, 0)}); got != nil {
		t.Errorf("without an age: %v", got)
	}
	d.set(p, condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, "because"))
	if got := d.health(p, source.Version{}); got == nil || got.Reason != v1alpha1.ReasonRotationStuck {
		t.Errorf("what was stuck is %v", got)
	}
	d.set(p, condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, v1alpha1.ReasonRotationTooOld, "because"))
	p.before = p.sync.DeepCopy()
	d.describeRotation(p)
	if got := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionRotationHealthy); got == nil {
		t.Error("what was too old is no longer, though nothing was observed")
	}
}
