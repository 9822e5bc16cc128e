package secretsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// observing is a world of mode Observe.
func observing(t *testing.T, secrets ...client.Object) *world {
	t.Helper()
	secretSync := fresh()
	secretSync.Spec.Mode = v1alpha1.SyncModeObserve
	return newWorld(t, secretSync, secrets...)
}

// look has the next poll come.
func (w *world) look(t *testing.T) {
	t.Helper()
	w.clock.SetTime(w.clock.Now().Add(time.Hour))
	w.turn(t)
}

// TestModeObserveSaysWhatItWouldWriteAndWritesNothing: once, until there is something else to say.
func TestModeObserveSaysWhatItWouldWriteAndWritesNothing(t *testing.T) {
	w := observing(t)
	w.turn(t)
	is := w.ready(t)
	if is.Status != metav1.ConditionFalse || is.Reason != v1alpha1.ReasonWouldChange ||
		is.Message != "Observed: with version version-1 for Secret db, mode Sync would create it with the keys value" {
		t.Errorf("Ready is %+v", is)
	}
	status := w.now(t).Status
	if w.secret(t, "db") != nil || status.Secret != nil || len(status.Sources) != 1 || status.Sources[0].VersionID != "version-1" {
		t.Errorf("Secret %v, status %+v", w.secret(t, "db") != nil, status)
	}
	if sent := w.sent(); len(sent) != 1 || sent[0] != "Normal "+eventWouldChange+" "+is.Message {
		t.Errorf("events: %q", sent)
	}
	fetched, writes := w.aws.fetched, w.writes
	w.look(t)
	if w.aws.fetched != fetched || w.writes != writes || len(w.sent()) > 0 {
		t.Errorf("a poll that finds nothing new: %d values read, %d writes of status", w.aws.fetched-fetched, w.writes-writes)
	}
}

// TestAPreviewFollowsWhatItSpeaksOf: the versions, the Secret and the spec; and it comes back after trouble.
func TestAPreviewFollowsWhatItSpeaksOf(t *testing.T) {
	const would = "Observed: with version %s for Secret db, mode Sync would write it: %s"
	w := observing(t, left("of version-0"))
	edit := func(content string) func() {
		return func() {
			secret := w.secret(t, "db")
			secret.Data = map[string][]byte{"value": []byte(content)}
			if err := w.server.Update(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
		}
	}
	refuse := func() {
		w.aws.refusal = &source.Error{Kind: source.AccessDenied, Explanation: "no"}
		w.look(t)
		w.sent()
		w.aws.refusal = nil
	}
	for _, step := range []struct {
		name    string
		happens func()
		message string
		news    int
	}{
		{"a Secret with another value", func() {}, fmt.Sprintf(would, "version-1", "changed value"), 1},
		{"nothing", func() {}, fmt.Sprintf(would, "version-1", "changed value"), 0},
		{"another value that is no better", edit("of version-9"), fmt.Sprintf(would, "version-1", "changed value"), 0},
		{"the value that is wanted", edit("of version-1"), "Observed: Secret db is what mode Sync would make of version version-1", 0},
		{"a rotation", func() { w.aws.version = "version-2" }, fmt.Sprintf(would, "version-2", "changed value"), 1},
		{"an edit of the spec", func() {
			w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "other"}} })
		}, fmt.Sprintf(would, "version-2", "added other"), 1},
		{"a refusal that ends", refuse, fmt.Sprintf(would, "version-2", "added other"), 2}, // One that it has ended.
	} {
		step.happens()
		w.look(t)
		if is := w.ready(t); is.Message != step.message || (is.Reason == v1alpha1.ReasonObserved) != (is.Status == metav1.ConditionTrue) {
			t.Errorf("%s: Ready is %s for %s: %s", step.name, is.Status, is.Reason, is.Message)
		}
		if sent := w.sent(); len(sent) != step.news {
			t.Errorf("%s: events %q", step.name, sent)
		}
	}
	if got := string(w.secret(t, "db").Data["value"]); got != "of version-1" {
		t.Errorf("the Secret has %q", got)
	}
}

// TestAPreviewTellsOfTheSecretThatItCouldNotRead: and looks again, before and after the first preview.
func TestAPreviewTellsOfTheSecretThatItCouldNotRead(t *testing.T) {
	for name, previewed := range map[string]bool{"the first one": false, "a later one": true} {
		w := observing(t, left("of version-0"))
		if previewed {
			w.turn(t)
		}
		w.secrets.Live = interceptor.NewClient(w.server, interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return errors.New("etcd is away")
			},
		})
		w.look(t)
		if got := troubleOf(w.now(t)); got != v1alpha1.ReasonTargetFailed {
			t.Errorf("%s: status tells of %q", name, got)
		}
		if is := w.ready(t); strings.Contains(is.Message, "would") && !previewed {
			t.Errorf("%s: Ready says %q", name, is.Message)
		}
		w.secrets.Live = w.server
		w.look(t)
		if is := w.ready(t); troubleOf(w.now(t)) != "" || !strings.HasSuffix(is.Message, "would write it: changed value") {
			t.Errorf("%s: then Ready says %q", name, is.Message)
		}
	}
}

// TestAProcessThatHasNotPreviewedLooksAtTheSecret: a new one does not know what the former one has seen.
func TestAProcessThatHasNotPreviewedLooksAtTheSecret(t *testing.T) {
	w := observing(t, left("of version-0"))
	w.turn(t)
	w.Controller = New(w.Options)
	secret := w.secret(t, "db")
	secret.Data["value"] = []byte("of version-1")
	if err := w.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.look(t)
	if is := w.ready(t); is.Status != metav1.ConditionTrue {
		t.Errorf("Ready is %s: %s", is.Status, is.Message)
	}
}

// TestWhatModeSyncWouldDo: named by keys, and of whose Secret it is.
func TestWhatModeSyncWouldDo(t *testing.T) {
	c := New(Options{})
	same, other := map[string][]byte{"a": []byte("1"), "b": []byte("2")}, map[string][]byte{"a": []byte("1"), "b": []byte("x")}
	state := func(owner string) target.State { return target.State{Exists: true, UID: "uid", Owner: owner} }
	for name, test := range map[string]struct {
		met   target.Inspection
		merge bool
		want  string
	}{
		"there is none":                    {target.Inspection{}, false, "create it with the keys a, b"},
		"its own, as desired":              {target.Inspection{State: state("db"), Keys: []string{"a", "b"}, Values: same}, false, ""},
		"its own, with another value":      {target.Inspection{State: state("db"), Keys: []string{"a", "b"}, Values: other}, false, "write it: changed b"},
		"one that it merges into":          {target.Inspection{State: state(""), Keys: []string{"a", "b", "c"}, Values: other}, true, "write it: changed b"},
		"one that it has merged into":      {target.Inspection{State: state(""), Keys: []string{"a", "b", "c"}, Values: same}, true, ""},
		"another SecretSync's":             {target.Inspection{State: state("api"), Keys: []string{"a"}}, false, "leave it alone, as it belongs to SecretSync api; otherwise: added b; not compared a"},
		"another SecretSync's, as desired": {target.Inspection{State: state("api"), Keys: []string{"a", "b"}, Values: same}, false, "leave it alone, as it belongs to SecretSync api; otherwise: no key changed"},
		"its user's": {target.Inspection{State: state(""), Keys: []string{"a", "b"}}, false,
			"leave it alone, as SecretSync did not make it, until it is annotated with secretsync.dev/owner=db, which has the values compared, too; then: not compared a, b"},
	} {
		p := written("", "v1")
		p.data = same
		if got := c.would(p, target.Desired{Owner: "db", Data: same, Merge: test.merge}, test.met); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWhatAWriteWouldChange: keys that are wanted, and those that the last write has left there; never others' keys.
// A value that must not be compared is called neither changed nor unchanged.
func TestWhatAWriteWouldChange(t *testing.T) {
	c := New(Options{})
	data := func(keys ...string) map[string][]byte {
		all := map[string][]byte{}
		for _, key := range keys {
			all[key] = []byte("value of " + key)
		}
		return all
	}
	ours := &v1alpha1.SecretStatus{Keys: []string{"a", "gone"}}
	for name, test := range map[string]struct {
		wants    map[string][]byte
		previous *v1alpha1.SecretStatus
		keys     []string
		values   map[string][]byte
		want     string
		none     bool
	}{
		"nothing":                     {data("a"), ours, []string{"a"}, data("a"), "no key changed", true},
		"a key more":                  {data("a", "b"), ours, []string{"a"}, data("a"), "added b", false},
		"a key of the last write":     {data("a"), ours, []string{"a", "gone"}, data("a", "gone"), "removed gone", false},
		"a key of another's":          {data("a"), ours, []string{"a", "other"}, data("a", "other"), "no key changed", true},
		"a first write":               {data("a"), nil, []string{"a", "other"}, data("a", "other"), "no key changed", true},
		"another value":               {data("a"), nil, []string{"a"}, map[string][]byte{"a": []byte("x")}, "changed a", false},
		"values that are not shown":   {data("a", "b"), nil, []string{"a", "b", "other"}, nil, "not compared a, b", false},
		"one that is, one that isn't": {data("a", "b"), nil, []string{"a", "b"}, data("a"), "not compared b", false},
	} {
		p := written("", "v1")
		p.data = test.wants
		got := c.foreseen(p, target.Desired{Data: test.wants, Previous: test.previous}, target.Inspection{Keys: test.keys, Values: test.values})
		if got.String() != test.want || got.none() != test.none {
			t.Errorf("%s: %q, none: %t", name, got, got.none())
		}
	}
}

// TestPreviewsAreToldApart: by the spec, the Secret, and each version, former ones too.
func TestPreviewsAreToldApart(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*pass, *target.State){
		"as it was":               func(*pass, *target.State) {},
		"another spec":            func(p *pass, _ *target.State) { p.sync.Generation++ },
		"another Secret":          func(_ *pass, state *target.State) { state.UID = "other" },
		"the Secret was edited":   func(_ *pass, state *target.State) { state.ResourceVersion = "8" },
		"no Secret":               func(_ *pass, state *target.State) { *state = target.State{} },
		"another secret":          func(p *pass, _ *target.State) { p.inputs[0].observation.Version.ARN = "other" },
		"another version":         func(p *pass, _ *target.State) { p.inputs[0].observation.Version.ID = "v2" },
		"a former version beside": func(p *pass, _ *target.State) { p.former = []*input{{}} },
	} {
		p, state := written("", "v1"), target.State{Exists: true, UID: "uid", ResourceVersion: "7"}
		change(p, &state)
		is := p.print(state)
		if twin, twice := seen[is]; twice {
			t.Errorf("%s is taken for: %s", name, twin)
		}
		seen[is] = name
	}
}

// TestAPreviewIsNewsWhereItSaysSomethingElse: than Ready said before.
func TestAPreviewIsNewsWhereItSaysSomethingElse(t *testing.T) {
	ready := func(message string) []metav1.Condition {
		return []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWouldChange, message)}
	}
	for name, test := range map[string]struct {
		preview *preview
		was, is []metav1.Condition
		want    string
	}{
		"the first":              {&preview{would: "write"}, nil, ready("write"), "write"},
		"the same again":         {&preview{would: "write"}, ready("write"), ready("write"), ""},
		"something else":         {&preview{would: "create"}, ready("write"), ready("create"), "create"},
		"nothing to do any more": {&preview{}, ready("write"), ready("as it is"), ""},
		"no preview":             {nil, ready("write"), ready("synced"), ""},
		"nothing said":           {&preview{would: "write"}, nil, nil, ""},
	} {
		p := written("", "v1")
		p.preview, p.before.Status.Conditions, p.sync.Status.Conditions = test.preview, test.was, test.is
		if got := previewNews(p); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestModeObserveKeepsWhatWasWritten: of a Secret that mode Sync has made, status goes on to say which version it holds.
func TestModeObserveKeepsWhatWasWritten(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeObserve })
	w.aws.version = "version-2"
	w.settle(t)
	status := w.now(t).Status
	if diff := cmp.Diff("version-1", status.Sources[0].VersionID); diff != "" || status.Secret == nil {
		t.Errorf("status has %+v", status)
	}
	if got := w.ready(t).Message; !strings.HasSuffix(got, "would write it: changed value") || string(w.secret(t, "db").Data["value"]) != "of version-1" {
		t.Errorf("Ready says %q", got)
	}
}

// TestChangesOfTwoKindsDoNotMakeUpForEachOther: a preview that took them for none would call the Secret as desired.
func TestChangesOfTwoKindsDoNotMakeUpForEachOther(t *testing.T) {
	one := []string{"a"}
	for _, all := range []changes{
		{added: one, removed: one}, {added: one, changed: one}, {added: one, unseen: one},
		{removed: one, changed: one}, {removed: one, unseen: one}, {changed: one, unseen: one},
	} {
		if all.none() {
			t.Errorf("%s: taken for none", all)
		}
	}
}
