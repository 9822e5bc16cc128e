package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// TestReadyWhileSuspended: what was not ready does not become so, and before the first sync nothing is.
func TestReadyWhileSuspended(t *testing.T) {
	for name, test := range map[string]struct {
		was     metav1.ConditionStatus
		secret  bool
		want    metav1.ConditionStatus
		message string
	}{
		"never synced":  {"", false, metav1.ConditionTrue, "Suspended before the first sync: set spec.suspend to false"},
		"in sync":       {metav1.ConditionTrue, true, metav1.ConditionTrue, "Suspended; Secret db holds version v1 of db (AWSCURRENT)"},
		"not in sync":   {metav1.ConditionFalse, true, metav1.ConditionFalse, "Suspended; Secret db holds version v1 of db (AWSCURRENT)"},
		"nothing known": {"", true, metav1.ConditionTrue, "Suspended; Secret db holds version v1 of db (AWSCURRENT)"},
	} {
		outcome := polled("v1", "v1")
		outcome.Trigger, outcome.Set = schedule.None, nil
		outcome.SecretSync.Spec.Suspend = true
		if test.was != "" {
			outcome.SecretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, test.was, "Reason", "message")}
		}
		if !test.secret {
			outcome.SecretSync.Status.Secret = nil
		}
		want := is(test.want, v1alpha1.ReasonSuspended, test.message)
		if diff := cmp.Diff(want, ready(outcome, outcome.SecretSync.Status.DeepCopy(), noon), cmp.AllowUnexported(verdict{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWhatReadySaysOfTheSecret: which version it holds, of which secret, and what is wrong with it.
func TestWhatReadySaysOfTheSecret(t *testing.T) {
	db := v1alpha1.SourceStatus{SecretID: "db", VersionStage: "AWSCURRENT", VersionID: "v1"}
	pinned, missing := v1alpha1.SourceStatus{SecretID: "api", VersionID: "v7"}, v1alpha1.SourceStatus{SecretID: "extra", VersionStage: "AWSCURRENT"}
	roomy := append(make([]string, 0, 2), "one") // It has the capacity for another entry.
	for name, test := range map[string]struct {
		sources  []v1alpha1.SourceStatus
		warnings []string
		expires  time.Duration
		want     string
	}{
		"one source":                {[]v1alpha1.SourceStatus{db}, nil, 0, "Secret app holds version v1 of db (AWSCURRENT)"},
		"a pinned version":          {[]v1alpha1.SourceStatus{pinned}, nil, 0, "Secret app holds version v7 of api"},
		"two":                       {[]v1alpha1.SourceStatus{pinned, db}, nil, 0, "Secret app holds version v7 of api and 1 more source"},
		"an optional one not there": {[]v1alpha1.SourceStatus{missing, db, pinned}, nil, 0, "Secret app holds version v1 of db (AWSCURRENT) and 2 more sources"},
		"none that is there":        {[]v1alpha1.SourceStatus{missing}, nil, 0, "Secret app holds version  of extra (AWSCURRENT)"},
		"warnings":                  {[]v1alpha1.SourceStatus{pinned}, []string{"one", "two"}, 0, "Secret app holds version v7 of api; warning: one; warning: two"},
		"a certificate that lasts":  {[]v1alpha1.SourceStatus{pinned}, roomy, time.Hour, "Secret app holds version v7 of api; warning: one"},
		"one that has expired": {[]v1alpha1.SourceStatus{pinned}, roomy, -time.Hour,
			`Secret app holds version v7 of api; warning: one; warning: a certificate under "tls.crt" expired on 2026-03-01T11:00:00Z: renew it in AWS`},
	} {
		status := &v1alpha1.SecretSyncStatus{Sources: test.sources, Secret: &v1alpha1.SecretStatus{Name: "app", Warnings: test.warnings}}
		if test.expires != 0 {
			status.Secret.ExpirationTime = second(noon.Add(test.expires))
		}
		if got := holds(status, noon); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if roomy[:2][1] != "" {
		t.Error("a warning of this moment is written behind those of status")
	}
}

// TestAFailureSaysWhatTheSecretKeeps: where there is one, and where its version is known.
func TestAFailureSaysWhatTheSecretKeeps(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.SecretSyncStatus)
		want   string
	}{
		"in sync before": {func(*v1alpha1.SecretSyncStatus) {}, ". Secret db keeps version v1"},
		"never synced":   {func(status *v1alpha1.SecretSyncStatus) { status.Secret = nil }, ""},
		"no version":     {func(status *v1alpha1.SecretSyncStatus) { status.Sources = nil }, ""},
	} {
		outcome := polled("v1", "v1")
		test.change(&outcome.SecretSync.Status)
		if got := kept(outcome, &outcome.SecretSync.Status); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	outcome := polled("v1", "v1")
	outcome.Trigger = schedule.Drift
	if got := kept(outcome, &outcome.SecretSync.Status); got != ". Secret db was edited or deleted, and is not restored yet" {
		t.Errorf("edited: %q", got)
	}
}

// TestReadyStaysWhileAWSIsSilent: not for long, and only while the Secret is known to hold what the spec asks for.
func TestReadyStaysWhileAWSIsSilent(t *testing.T) {
	const held = "Secret db holds version v1 of db (AWSCURRENT)"
	remains := is(metav1.ConditionTrue, v1alpha1.ReasonSynced, held+"; retrying: away")
	not := func(reason, message string) verdict { return is(metav1.ConditionFalse, reason, message) }
	const away = v1alpha1.ReasonRegionUnavailable
	for name, test := range map[string]struct {
		change func(*Outcome)
		want   verdict
	}{
		"in sync before":                  {func(*Outcome) {}, remains},
		"for too long":                    {func(o *Outcome) { o.Fresh = false }, not(away, "away. Secret db keeps version v1")},
		"the spec was edited":             {func(o *Outcome) { o.SecretSync.Generation++ }, not(away, "away. Secret db keeps version v1")},
		"the Secret was edited":           {func(o *Outcome) { o.Trigger = schedule.Drift }, not(away, "away. Secret db was edited or deleted, and is not restored yet")},
		"never synced":                    {func(o *Outcome) { o.SecretSync.Status.Secret = nil }, not(away, "away")},
		"a refusal":                       {func(o *Outcome) { o.Failure = refused() }, not(v1alpha1.ReasonAccessDenied, "no. Secret db keeps version v1")},
		"not ready before":                {func(o *Outcome) { o.SecretSync.Status.Conditions[0].Status = metav1.ConditionFalse }, not(away, "away. Secret db keeps version v1")},
		"nothing was said of it before":   {func(o *Outcome) { o.SecretSync.Status.Conditions = nil }, remains},
		"by another trigger than a poll":  {func(o *Outcome) { o.Trigger = schedule.Event }, remains},
		"a failure in a suspended spec":   {func(o *Outcome) { o.SecretSync.Spec.Suspend = true }, remains},
		"a failure of a spec that is new": {func(o *Outcome) { o.SecretSync.Status.Secret.Generation = 0 }, not(away, "away. Secret db keeps version v1")},
	} {
		outcome := polled("v1", "v1")
		outcome.Failure, outcome.Fresh = outage(), true
		outcome.SecretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, held)}
		test.change(outcome)
		if diff := cmp.Diff(test.want, ready(outcome, outcome.SecretSync.Status.DeepCopy(), noon), cmp.AllowUnexported(verdict{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWhatReadySaysInModeObserve: what mode Sync would do; where that was not looked at, it stays as it is.
func TestWhatReadySaysInModeObserve(t *testing.T) {
	for name, test := range map[string]struct {
		preview *Preview
		want    verdict
	}{
		"nothing looked at": {nil, stays()},
		"as it would be":    {&Preview{}, is(metav1.ConditionTrue, v1alpha1.ReasonObserved, "Observed: Secret db is what mode Sync would make of version v2")},
		"something to do":   {&Preview{Would: "write it"}, is(metav1.ConditionTrue, v1alpha1.ReasonWouldChange, "Observed: with version v2 for Secret db, mode Sync would write it")},
	} {
		outcome := polled("v1", "v2")
		outcome.SecretSync.Spec.Mode, outcome.Preview = v1alpha1.SyncModeObserve, test.preview
		if diff := cmp.Diff(test.want, ready(outcome, outcome.SecretSync.Status.DeepCopy(), noon), cmp.AllowUnexported(verdict{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
