package status

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/target"
)

// values are what a Secret holds, by key.
type values map[string]string

func (all values) data() map[string][]byte {
	data := map[string][]byte{}
	for key, value := range all {
		data[key] = []byte(value)
	}
	return data
}

// kept are the values with former ones of all keys beside them, and the names of those.
func (all values) kept(version, suffix string) (both values, names []string) {
	if version == "" {
		return all, nil
	}
	both = maps.Clone(all)
	for key := range all {
		if name := key + suffix; all[name] == "" {
			both[name] = key + " of " + version
			names = append(names, name)
		}
	}
	return both, names
}

// window is what keepPrevious does in a reconcile: of which version the Secret had former values, and has, and under which
// suffix.
type window struct{ before, beforeSuffix, now, nowSuffix string }

// occasion is why a reconcile writes the Secret.
type occasion struct {
	rotated, edited, fresh, renamed bool
	// found says that there was a Secret that is not the one in status.
	found bool
	// restarts says whether a change of the content calls for a restart.
	restarts bool
}

// combination is one reconcile.
type combination struct {
	window
	occasion
	before, now values
	// process is what the process remembers of the Secret.
	process ownwrites.Content
}

// digester makes the digests of the tests.
var digester = ownwrites.NewDigester()

func sourcesOf(version, former string) []v1alpha1.SourceStatus {
	sources := []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionStage: v1alpha1.DefaultVersionStage, VersionID: version}}
	if former != "" {
		sources = append(sources, v1alpha1.SourceStatus{SecretID: "db", ARN: "arn", VersionStage: resolve.StagePrevious, VersionID: former})
	}
	return sources
}

func untilAfter(former string) *metav1.Time {
	if former == "" {
		return nil
	}
	return second(noon.Add(time.Hour))
}

// secretSync is the SecretSync before the reconcile.
func (of *combination) secretSync(formerKeys []string) *v1alpha1.SecretSync {
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", UID: "uid", Generation: 7}}
	secretSync.Spec.Rollout = &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}
	if of.nowSuffix != "" {
		secretSync.Spec.KeepPrevious = &v1alpha1.KeepPrevious{Suffix: strings.TrimSuffix(of.nowSuffix, "_previous")}
	}
	if of.fresh {
		return secretSync
	}
	secretSync.Status = v1alpha1.SecretSyncStatus{Sources: sourcesOf("v1", of.window.before), PreviousUntil: untilAfter(of.window.before),
		Secret:  &v1alpha1.SecretStatus{Name: "db", UID: "secret", Generation: 7, PreviousKeys: formerKeys},
		Rollout: &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}}
	if of.edited {
		secretSync.Status.Secret.Generation = 6
	}
	if of.renamed {
		secretSync.Status.Secret.Name = "former"
	}
	secretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionTrue, v1alpha1.ReasonRolledOut,
		"Secret "+secretSync.Status.Secret.Name+" has not changed in a way that calls for a restart")}
	return secretSync
}

// outcome is that of the reconcile, after the Secret was written, with the status in which the Secret and its sources are
// described already.
func (of *combination) outcome() (*Outcome, *v1alpha1.SecretSyncStatus) {
	formerly, formerKeys := of.before.kept(of.window.before, of.beforeSuffix)
	secretSync := of.secretSync(formerKeys)
	present, presentKeys := of.now.kept(of.window.now, of.nowSuffix)
	outcome := &Outcome{
		SecretSync: secretSync, Set: resolve.NewSet(resolve.Request{SecretSync: secretSync}),
		Write:   &Write{Result: &target.Result{Outcome: target.Updated, UID: "secret"}, PreviousKeys: presentKeys},
		Rollout: Rollout{Enabled: true},
	}
	if of.window.now != "" {
		outcome.Set.Former = []*resolve.Input{{}}
	}
	digests := digester.Of(present.data())
	switch {
	case of.found:
		outcome.Write.Result.Former = &target.FormerContent{Values: formerly.data()}
		outcome.Write.Changes = of.process.TakenOver(digester, secretSync, outcome.Write.Result.Former, digests)
	case !of.fresh && !of.renamed:
		outcome.Write.Changes = ownwrites.Difference(digester.Of(formerly.data()), digests)
	}
	version := "v1"
	if of.rotated {
		version = "v2"
	}
	after := secretSync.Status.DeepCopy()
	after.Sources, after.PreviousUntil = sourcesOf(version, of.window.now), untilAfter(of.window.now)
	after.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "secret", Generation: 7, PreviousKeys: presentKeys}
	return outcome, after
}

// TestKeepPreviousNeitherCausesNorHidesARestart: in each combination of what keepPrevious does, of how the content
// changes, and of why the Secret is written, the present values alone decide.
func TestKeepPreviousNeitherCausesNorHidesARestart(t *testing.T) {
	before := values{"password": "a", "port": "b", "note": "c", "url_previous": "d", "url-old": "e"}
	with := func(change func(values)) values {
		after := maps.Clone(before)
		change(after)
		return after
	}
	contents := map[string]struct {
		now      values
		restarts bool
	}{
		"nothing":                          {before, false},
		"a key that is ignored":            {with(func(c values) { c["note"] = "z" }), false},
		"a key that is ignored is removed": {with(func(c values) { delete(c, "note") }), false},
		"a value":                          {with(func(c values) { c["password"] = "z" }), true},
		"a key is added":                   {with(func(c values) { c["host"] = "z" }), true},
		"a key is removed":                 {with(func(c values) { delete(c, "port") }), true},
		"a key is renamed":                 {with(func(c values) { delete(c, "port"); c["socket"] = "b" }), true},
		"a key with the default suffix that holds no former value is removed": {with(func(c values) { delete(c, "url_previous") }), true},
		"a key with the spec's suffix that holds no former value is removed":  {with(func(c values) { delete(c, "url-old") }), true},
	}
	windows := map[string]window{
		"is off":                   {},
		"has nothing to keep":      {nowSuffix: "_previous"},
		"begins":                   {now: "v1", nowSuffix: "_previous"},
		"begins with its suffix":   {now: "v1", nowSuffix: "-old"},
		"goes on":                  {before: "v0", beforeSuffix: "_previous", now: "v0", nowSuffix: "_previous"},
		"begins again":             {before: "v0", beforeSuffix: "_previous", now: "v1", nowSuffix: "_previous"},
		"ends":                     {before: "v0", beforeSuffix: "_previous", nowSuffix: "_previous"},
		"ends with its suffix":     {before: "v0", beforeSuffix: "-old", nowSuffix: "-old"},
		"is taken out of the spec": {before: "v0", beforeSuffix: "_previous"},
		"gets another suffix":      {before: "v0", beforeSuffix: "_previous", now: "v0", nowSuffix: "-old"},
	}
	occasions := map[string]occasion{
		"a rotation":                            {rotated: true, restarts: true},
		"an edit of the spec":                   {edited: true, restarts: true},
		"both":                                  {rotated: true, edited: true, restarts: true},
		"a repair":                              {},
		"the first sync":                        {fresh: true},
		"a new name":                            {edited: true, renamed: true},
		"a Secret that was there":               {fresh: true, found: true, restarts: true},
		"a Secret of the new name that was":     {edited: true, renamed: true, found: true, restarts: true},
		"a Secret that was restored":            {found: true, restarts: true},
		"one that was restored, and a rotation": {found: true, rotated: true, restarts: true},
	}
	for change, changed := range contents {
		for keeps, window := range windows {
			for why, occasion := range occasions {
				name := fmt.Sprintf("%s, keepPrevious %s, what changes: %s", why, keeps, change)
				outcome, status := (&combination{window: window, occasion: occasion, before: before, now: changed.now}).outcome()
				restarts(outcome, status)
				want := changed.restarts && occasion.restarts
				if unknown := occasion.found && (occasion.fresh || occasion.renamed) && window.before != ""; unknown && !want {
					continue // No status says which keys held former values: a restart too many does no harm.
				}
				checkRestart(t, name, outcome, status, want)
				if found := status.Rollout; want && occasion.found && (found.HandledRevision != "" || !strings.Contains(found.Revision, "#7.")) {
					t.Errorf("%s: status.rollout is %+v: what workloads were marked with, and run with, is not known", name, found)
				}
			}
		}
	}
}

// checkRestart looks whether a restart is pending, and whether the condition says so of the Secret that is there.
func checkRestart(t *testing.T, name string, outcome *Outcome, status *v1alpha1.SecretSyncStatus, want bool) {
	t.Helper()
	described := status.Rollout
	if pending := described.Revision != described.HandledRevision; pending != want {
		t.Errorf("%s: restarts %t, want %t (%s, changes %s)", name, pending, want, described.Revision, outcome.Write.Changes)
	}
	if !want && !slices.Contains([]string{"v1", "v2"}, described.Revision) {
		t.Errorf("%s: the revision is %q, want that of the present version alone", name, described.Revision)
	}
	got := restartedOf(status)
	denies := strings.Contains(got.Message, "has not changed")
	if denies == want || (got.Status == metav1.ConditionTrue) == want || !strings.HasPrefix(got.Message, "Secret db ") {
		t.Errorf("%s: the condition is %s for %s: %s", name, got.Status, got.Reason, got.Message)
	}
}

// TestWhatWasTakenOverIsNotForgotten: a reconcile that could not report is followed by one that finds nothing to change.
func TestWhatWasTakenOverIsNotForgotten(t *testing.T) {
	before, now := values{"password": "a"}, values{"password": "z"}
	for name, test := range map[string]struct {
		created time.Time // of the SecretSync
		again   bool      // in the process that wrote the Secret
		want    bool
	}{
		"by the process that wrote it":               {created: noon.Add(time.Hour), again: true, want: true},
		"by the next process":                        {created: noon, want: true},
		"written by a former SecretSync of the name": {created: noon.Add(time.Second), want: false},
	} {
		reconcile := combination{occasion: occasion{fresh: true, found: true}, before: before, now: now}
		outcome, status := reconcile.outcome()
		process := &reconcile.process
		if !test.again {
			process = &ownwrites.Content{}
		}
		outcome.SecretSync.CreationTimestamp = metav1.NewTime(test.created)
		former := &target.FormerContent{Values: now.data(), Written: noon}
		outcome.Write.Changes = process.TakenOver(digester, outcome.SecretSync, former, digester.Of(now.data()))
		restarts(outcome, status)
		if described := status.Rollout; (described.Revision != described.HandledRevision) != test.want {
			t.Errorf("%s: status.rollout is %+v", name, described)
		}
	}
}

// TestFormerValuesOfAnotherSecret: what status knows of the Secret of the former name says nothing of the one that is
// taken over under the new one.
func TestFormerValuesOfAnotherSecret(t *testing.T) {
	reconcile := combination{occasion: occasion{edited: true, renamed: true, found: true}, before: values{"a": "1", "a_previous": "2"}, now: values{"a": "1"}}
	outcome, status := reconcile.outcome()
	outcome.SecretSync.Status.Secret.PreviousKeys = []string{"a_previous"}
	restarts(outcome, status)
	checkRestart(t, "a key of the same name", outcome, status, true)
}

// TestTheRevisionIsThatOfThePresentValues: also where restarts are switched on while former values are kept.
func TestTheRevisionIsThatOfThePresentValues(t *testing.T) {
	reconcile := combination{window: window{before: "v0", beforeSuffix: "_previous", now: "v0", nowSuffix: "_previous"}, before: values{"a": "1"}, now: values{"a": "1"}}
	outcome, status := reconcile.outcome()
	outcome.Write, outcome.SecretSync.Status.Rollout, status.Rollout = nil, nil, nil
	restarts(outcome, status)
	if got := status.Rollout; got.Revision != "v1" || got.HandledRevision != "v1" {
		t.Errorf("status.rollout is %+v", got)
	}
}
