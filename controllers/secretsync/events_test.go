package secretsync

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestEventsTellOfTroubleOnTransitions: when it begins, turns into another, and ends; a pass that did not ask AWS ends none.
func TestEventsTellOfTroubleOnTransitions(t *testing.T) {
	p := written("v1", "v1")
	d := newDesk(t, p.before.DeepCopy())
	for _, step := range []struct {
		name     string
		f        *failure
		observed bool
		suspend  bool
		want     []string
	}{
		{"all is well", nil, true, false, nil},
		{"a refusal", refusal, false, false, []string{"Warning SyncFailed AccessDenied: no"}},
		{"the same", refusal, false, false, nil},
		{"the same, and AWS has answered", refusal, true, false, nil},
		{"an outage", outage, false, false, []string{"Warning SyncFailed RegionUnavailable: away"}},
		{"it is over", nil, true, false, []string{"Normal SyncRecovered Recovered from RegionUnavailable: Secret db holds version v1 of db (AWSCURRENT)"}},
		{"all is well again", nil, true, false, nil},
		{"another refusal", refusal, false, false, []string{"Warning SyncFailed AccessDenied: no"}},
		{"suspended with it", nil, false, true, nil},
	} {
		secretSync := p.sync.DeepCopy()
		secretSync.Spec.Suspend, secretSync.ResourceVersion = step.suspend, ""
		p = &pass{sync: secretSync, before: secretSync.DeepCopy(), memory: p.memory, trigger: triggerPoll, observed: step.observed, inputs: p.inputs}
		if err := d.tell(t.Context(), p, step.f); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, d.sent()); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestAFailureIsNoPreview: what Ready says then is no news of what mode Sync would do.
func TestAFailureIsNoPreview(t *testing.T) {
	p := written("v1", "v1")
	p.preview = &preview{would: "write it"}
	p.sync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionFalse, refusal.reason, refusal.message)}
	p.before.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, refusal.reason, refusal.message)}
	p.sync.Status.Conditions = append(p.sync.Status.Conditions, p.before.Status.Conditions...)
	d := newDesk(t)
	if d.announce(t.Context(), p, refusal); len(d.sent()) > 0 {
		t.Error("it is announced as a preview")
	}
}

// TestAReportTellsOfRotations: also where the rotation is known no more, of which nothing is to be said.
func TestAReportTellsOfRotations(t *testing.T) {
	p := written("v1", "v1")
	d := newDesk(t)
	stuck := condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, "because")
	p.sync.Status.Conditions = []metav1.Condition{stuck}
	d.announce(t.Context(), p, nil)
	if diff := cmp.Diff([]string{"Warning RotationStuck because"}, d.sent()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.before.Status.Conditions, p.sync.Status.Conditions = p.sync.Status.Conditions, nil
	if d.announce(t.Context(), p, nil); len(d.sent()) > 0 || p.memory.rotation.get() != "" {
		t.Errorf("a rotation that is known no more is announced, or counted as %q", p.memory.rotation.get())
	}
}

// TestTroubleIsWhatAConditionSaysIsTrue: Reconciling goes before Stalled.
func TestTroubleIsWhatAConditionSaysIsTrue(t *testing.T) {
	is := func(kind string, status metav1.ConditionStatus) metav1.Condition {
		return condition(kind, status, "Of"+kind, "message")
	}
	for want, conditions := range map[string][]metav1.Condition{
		"":              {is(v1alpha1.ConditionReconciling, metav1.ConditionFalse), is(v1alpha1.ConditionReady, metav1.ConditionTrue)},
		"OfStalled":     {is(v1alpha1.ConditionReconciling, metav1.ConditionFalse), is(v1alpha1.ConditionStalled, metav1.ConditionTrue)},
		"OfReconciling": {is(v1alpha1.ConditionStalled, metav1.ConditionTrue), is(v1alpha1.ConditionReconciling, metav1.ConditionTrue)},
	} {
		if got := troubleOf(&v1alpha1.SecretSync{Status: v1alpha1.SecretSyncStatus{Conditions: conditions}}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestAnEventFitsTheAPI: the API server refuses a longer note, and the event would be lost.
func TestAnEventFitsTheAPI(t *testing.T) {
	d := newDesk(t)
	d.send(written("", ""), "Warning", "Reason", "Action", strings.Repeat("x", 2*noteMost))
	const most = 1024 // Event of events.k8s.io/v1.
	if note := strings.TrimPrefix(d.sent()[0], "Warning Reason "); len(note) > most || len(note) < most/2 {
		t.Errorf("the note has %d bytes", len(note))
	}
}

// TestAWriteNamesTheVersionsThatMove: of each secret, where there are several, up to three.
func TestAWriteNamesTheVersionsThatMove(t *testing.T) {
	type move struct{ id, stage, from, to string }
	const current = v1alpha1.DefaultVersionStage
	db := move{"db", current, "v1", "v2"}
	for name, test := range map[string]struct {
		moves []move
		want  string
	}{
		"nothing":                {[]move{{"db", current, "v1", "v1"}}, ""},
		"one":                    {[]move{db}, " from version v1 to v2"},
		"one of several":         {[]move{db, {"api", current, "v1", "v1"}}, " from version v1 to v2 of db"},
		"a stage of its own":     {[]move{{"db", stagePrevious, "v0", "v1"}, db}, " from version v0 to v1 of db (AWSPREVIOUS), from version v1 to v2 of db"},
		"an optional one comes":  {[]move{db, {"extra", current, "", "v1"}}, " from version v1 to v2 of db"},
		"an optional one is not": {[]move{{"extra", current, "v1", ""}, db}, " from version v1 to v2 of db"},
		"three":                  {[]move{db, {"b", current, "1", "2"}, {"c", current, "1", "2"}}, " from version v1 to v2 of db, from version 1 to 2 of b, from version 1 to 2 of c"},
		"five": {[]move{db, {"b", current, "1", "2"}, {"c", current, "1", "2"}, {"d", current, "1", "2"}, {"e", current, "1", "2"}},
			" from version v1 to v2 of db, from version 1 to 2 of b, from version 1 to 2 of c and 2 more"},
	} {
		p := written("v1", "v2")
		p.before.Status.Sources, p.inputs = nil, nil
		for _, one := range test.moves {
			p.before.Status.Sources = append(p.before.Status.Sources, v1alpha1.SourceStatus{SecretID: one.id, VersionStage: one.stage, ARN: "arn", VersionID: one.from})
			read := &input{ref: source.Ref{SecretID: one.id, VersionStage: one.stage}}
			read.fetched.Version.ID = one.to
			p.inputs = append(p.inputs, read)
		}
		if got := p.moves(); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestASecretOfAnotherNameIsNoRepair: the one in status was of the former name, or nothing is known of what is in it.
func TestASecretOfAnotherNameIsNoRepair(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*v1alpha1.SecretSyncStatus)
		outcome target.Outcome
		want    string
	}{
		"made under a new name":      {func(status *v1alpha1.SecretSyncStatus) { status.Secret.Name = "former" }, target.Created, "Created Secret db with version v1: keys a, b"},
		"that was there":             {func(status *v1alpha1.SecretSyncStatus) { status.Secret.Name = "former" }, target.Updated, "Wrote version v1 into Secret db, which was there before: keys a, b"},
		"of which nothing was known": {func(status *v1alpha1.SecretSyncStatus) { status.Sources = nil }, target.Updated, "Wrote version v1 into Secret db, which was there before: keys a, b"},
	} {
		p := written("v1", "v1")
		test.change(&p.before.Status)
		p.applied = &target.Result{Outcome: test.outcome}
		if _, note := writeNews(p); note != test.want {
			t.Errorf("%s: %q", name, note)
		}
	}
}

// TestAnEditIsNoPropagation: the version has been in the Secret; status knows when it was made to the second.
func TestAnEditIsNoPropagation(t *testing.T) {
	p := written("v1", "v1")
	p.before.Status.Sources[0].VersionCreatedTime = second(noon.Add(-time.Hour))
	p.inputs[0].fetched.Version.Created = noon.Add(-time.Hour + time.Millisecond)
	p.applied, p.wrote = &target.Result{Outcome: target.Updated}, noon
	d := newDesk(t)
	d.announceWrite(t.Context(), p)
	measured := &dto.Metric{}
	if err := d.Metrics.propagation.Write(measured); err != nil || measured.Histogram.GetSampleCount() != 0 || len(d.sent()) != 1 {
		t.Errorf("%d measured: %v", measured.Histogram.GetSampleCount(), err)
	}
}

// TestEventsTellOfRestartsOnTransitions: what was restarted, that all have rolled out, and what is in the way; once.
func TestEventsTellOfRestartsOnTransitions(t *testing.T) {
	web := []v1alpha1.WorkloadStatus{{Kind: "Deployment", Name: "web"}}
	progress := func(state rollout.State, workloads []v1alpha1.WorkloadStatus) *rollout.Progress {
		return &rollout.Progress{State: state, Workloads: workloads}
	}
	for name, test := range map[string]struct {
		was, is   string
		rollout   *rollout.Progress
		restarted []string
		off       bool // No rollout is in status.
		want      []string
	}{
		"restarted":                           {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRollingOut, progress(rollout.RollingOut, web), []string{"Deployment web", "StatefulSet db"}, false, []string{"Normal WorkloadRestarted Restarted Deployment web, StatefulSet db for version v2 of Secret db"}},
		"restarted, and then switched off":    {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRollingOut, nil, []string{"Deployment web"}, true, nil},
		"begun":                               {v1alpha1.ReasonRolledOut, v1alpha1.ReasonRollingOut, progress(rollout.RollingOut, web), nil, false, nil},
		"rolled out":                          {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolledOut, progress(rollout.Done, web), nil, false, []string{"Normal WorkloadsRolledOut Version v2 of Secret db: so it is"}},
		"rolled out, as before":               {v1alpha1.ReasonRolledOut, v1alpha1.ReasonRolledOut, progress(rollout.Done, web), nil, false, nil},
		"nothing to roll out":                 {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolledOut, progress(rollout.Done, nil), nil, false, nil},
		"not wanted any more":                 {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRestartNever, nil, nil, true, nil},
		"failed":                              {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolloutFailed, progress(rollout.Failed, web), nil, false, []string{"Warning RolloutFailed RolloutFailed: so it is"}},
		"failed, as before":                   {v1alpha1.ReasonRolloutFailed, v1alpha1.ReasonRolloutFailed, progress(rollout.Failed, web), nil, false, nil},
		"forbidden":                           {"", v1alpha1.ReasonRolloutForbidden, nil, nil, true, []string{"Warning RolloutFailed RolloutForbidden: so it is"}},
		"nothing was said, and nothing is":    {"", "", nil, nil, true, nil},
		"going on after it was in the way":    {v1alpha1.ReasonRolloutPaused, v1alpha1.ReasonRollingOut, progress(rollout.RollingOut, web), nil, false, nil},
		"switched on, and nothing happened":   {"", v1alpha1.ReasonRolledOut, nil, nil, false, nil},
		"restarted, and in the way of others": {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolloutFailed, progress(rollout.Failed, web), []string{"Deployment web"}, false, []string{"Normal WorkloadRestarted Restarted Deployment web for version v2 of Secret db", "Warning RolloutFailed RolloutFailed: so it is"}},
	} {
		p := written("v2", "v2")
		if !test.off {
			p.sync.Status.Rollout = &v1alpha1.RolloutStatus{Revision: "v2"}
		}
		if test.was != "" {
			p.before.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, test.was, "so it was")}
		}
		if test.is != "" {
			p.sync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, test.is, "so it is")}
		}
		p.rollout, p.memory.restarted = test.rollout, test.restarted
		d := newDesk(t)
		d.announceRollout(t.Context(), p)
		if diff := cmp.Diff(test.want, d.sent()); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
		if d.announceRollout(t.Context(), &pass{sync: p.sync, before: p.sync, memory: p.memory}); len(d.sent()) > 0 {
			t.Errorf("%s: it is announced twice", name)
		}
	}
}
