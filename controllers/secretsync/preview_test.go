package secretsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/assemble"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// observing is an environment whose SecretSync is in mode Observe.
func observing(t *testing.T, secrets ...client.Object) *environment {
	t.Helper()
	secretSync := fresh()
	secretSync.Spec.Mode = v1alpha1.SyncModeObserve
	return newEnvironment(t, secretSync, secrets...)
}

// ownSecret is the Secret of the SecretSync, as a former one has left it: with version-0.
func ownSecret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: here.Name, UID: "uid-of-former",
		Labels: map[string]string{v1alpha1.LabelManaged: "true"}, Annotations: map[string]string{v1alpha1.AnnotationOwner: here.Name}},
		Data: map[string][]byte{"value": []byte("of version-0")}}
}

// poll has the next poll come.
func (e *environment) poll(t *testing.T) {
	t.Helper()
	e.after(time.Hour)
	e.turn(t)
}

// fill gives the Secret another content.
func (e *environment) fill(t *testing.T, content string) {
	t.Helper()
	secret := e.secret(t, "db")
	secret.Data = map[string][]byte{"value": []byte(content)}
	if err := e.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}

// TestModeObserveSaysWhatItWouldWriteAndWritesNothing: once, until there is something else to say.
func TestModeObserveSaysWhatItWouldWriteAndWritesNothing(t *testing.T) {
	e := observing(t)
	e.turn(t)
	is := e.ready(t)
	if is.Status != metav1.ConditionTrue || is.Reason != v1alpha1.ReasonWouldChange ||
		is.Message != "Observed: with version version-1 for Secret db, mode Sync would create it with the keys value" {
		t.Errorf("Ready is %+v", is)
	}
	now := e.now(t).Status
	if e.secret(t, "db") != nil {
		t.Error("the Secret was written")
	}
	if now.Secret != nil || len(now.Sources) != 1 || now.Sources[0].VersionID != "version-1" {
		t.Errorf("status is %+v", now)
	}
	if sent := e.sent(); len(sent) != 1 || sent[0] != "Normal "+status.EventWouldChange+" "+is.Message {
		t.Errorf("events: %q", sent)
	}
	fetched, writes := e.aws.fetched, e.writes
	e.poll(t)
	if sent := e.sent(); e.aws.fetched != fetched || e.writes != writes || len(sent) > 0 {
		t.Errorf("a poll that finds nothing new: %d values read, %d writes of status, events %q", e.aws.fetched-fetched, e.writes-writes, sent)
	}
}

// TestAPreviewFollowsWhatItSpeaksOf: the versions, the Secret and the spec; and it comes back after a failure.
func TestAPreviewFollowsWhatItSpeaksOf(t *testing.T) {
	const would = "Observed: with version %s for Secret db, mode Sync would write it: %s"
	e := observing(t, ownSecret())
	refuse := func() {
		e.aws.refusal = &source.Error{Kind: source.AccessDenied, Explanation: "no"}
		e.poll(t)
		e.sent()
		e.aws.refusal = nil
	}
	for _, step := range []struct {
		name    string
		happens func()
		message string
		events  int
	}{
		{"a Secret with another value", func() {}, fmt.Sprintf(would, "version-1", "changed value"), 1},
		{"nothing", func() {}, fmt.Sprintf(would, "version-1", "changed value"), 0},
		{"another value that is no better", func() { e.fill(t, "of version-9") }, fmt.Sprintf(would, "version-1", "changed value"), 0},
		{"the value that is wanted", func() { e.fill(t, "of version-1") }, "Observed: Secret db is what mode Sync would make of version version-1", 0},
		{"a rotation", func() { e.aws.version = "version-2" }, fmt.Sprintf(would, "version-2", "changed value"), 1},
		{"an edit of the spec", func() {
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "other"}} })
		}, fmt.Sprintf(would, "version-2", "added other"), 1},
		{"a refusal that ends", refuse, fmt.Sprintf(would, "version-2", "added other"), 2}, // One that it has ended.
	} {
		step.happens()
		e.poll(t)
		if is := e.ready(t); is.Message != step.message || is.Status != metav1.ConditionTrue {
			t.Errorf("%s: Ready is %s for %s: %s", step.name, is.Status, is.Reason, is.Message)
		}
		if sent := e.sent(); len(sent) != step.events {
			t.Errorf("%s: events %q", step.name, sent)
		}
	}
	if got := e.value(t); got != "of version-1" {
		t.Errorf("the Secret has %q", got)
	}
}

// TestAPreviewTellsOfTheSecretThatItCouldNotRead: and tries again, before and after the first preview.
func TestAPreviewTellsOfTheSecretThatItCouldNotRead(t *testing.T) {
	for name, previewed := range map[string]bool{"the first one": false, "a later one": true} {
		e := observing(t, ownSecret())
		if previewed {
			e.turn(t)
		}
		e.secrets.Live = interceptor.NewClient(e.server, interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return errors.New("etcd is away")
			},
		})
		e.poll(t)
		if got := e.now(t).FailureReason(); got != v1alpha1.ReasonTargetFailed {
			t.Errorf("%s: status has the failure %q", name, got)
		}
		if is := e.ready(t); strings.Contains(is.Message, "would") && !previewed {
			t.Errorf("%s: Ready says %q", name, is.Message)
		}
		e.secrets.Live = e.server
		e.poll(t)
		if is := e.ready(t); e.now(t).FailureReason() != "" || !strings.HasSuffix(is.Message, "would write it: changed value") {
			t.Errorf("%s: then Ready says %q, and status has the failure %q", name, is.Message, e.now(t).FailureReason())
		}
	}
}

// TestAProcessThatHasNotPreviewedLooksAtTheSecret: a new one does not know what the former one has seen.
func TestAProcessThatHasNotPreviewedLooksAtTheSecret(t *testing.T) {
	e := observing(t, ownSecret())
	e.turn(t)
	e.Controller = New(e.options)
	e.fill(t, "of version-1")
	e.poll(t)
	if is := e.ready(t); is.Status != metav1.ConditionTrue {
		t.Errorf("Ready is %s: %s", is.Status, is.Message)
	}
}

// TestWhatModeSyncWouldDo: named by keys, and by whose Secret it is.
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
		wanted := target.Desired{Owner: "db", Data: same, Merge: test.merge}
		if got := c.would(wanted, assemble.Content{Data: same, Keys: []string{"a", "b"}}, test.met); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWhatAWriteWouldChange: keys that are wanted, and those that the last write has left there; never others' keys. A
// value that must not be compared is called neither changed nor unchanged.
func TestWhatAWriteWouldChange(t *testing.T) {
	c := New(Options{})
	data := func(keys ...string) map[string][]byte {
		all := map[string][]byte{}
		for _, key := range keys {
			all[key] = []byte("value of " + key)
		}
		return all
	}
	own := &v1alpha1.SecretStatus{Keys: []string{"a", "gone"}}
	for name, test := range map[string]struct {
		wants    map[string][]byte
		previous *v1alpha1.SecretStatus
		keys     []string
		values   map[string][]byte
		want     string
		none     bool
	}{
		"nothing":                     {data("a"), own, []string{"a"}, data("a"), "no key changed", true},
		"a key more":                  {data("a", "b"), own, []string{"a"}, data("a"), "added b", false},
		"a key of the last write":     {data("a"), own, []string{"a", "gone"}, data("a", "gone"), "removed gone", false},
		"a key of another's":          {data("a"), own, []string{"a", "other"}, data("a", "other"), "no key changed", true},
		"a first write":               {data("a"), nil, []string{"a", "other"}, data("a", "other"), "no key changed", true},
		"another value":               {data("a"), nil, []string{"a"}, map[string][]byte{"a": []byte("x")}, "changed a", false},
		"values that are not shown":   {data("a", "b"), nil, []string{"a", "b", "other"}, nil, "not compared a, b", false},
		"one that is, one that isn't": {data("a", "b"), nil, []string{"a", "b"}, data("a"), "not compared b", false},
	} {
		got := c.foreseen(target.Desired{Data: test.wants, Previous: test.previous}, target.Inspection{Keys: test.keys, Values: test.values})
		if got.String() != test.want || got.None() != test.none {
			t.Errorf("%s: %q, none: %t", name, got, got.None())
		}
	}
}

// TestPreviewsAreToldApart: by the spec, the Secret, and each version, former ones too.
func TestPreviewsAreToldApart(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*v1alpha1.SecretSync, *resolve.Set, *target.State){
		"as it was":             func(*v1alpha1.SecretSync, *resolve.Set, *target.State) {},
		"another spec":          func(secretSync *v1alpha1.SecretSync, _ *resolve.Set, _ *target.State) { secretSync.Generation++ },
		"another Secret":        func(_ *v1alpha1.SecretSync, _ *resolve.Set, state *target.State) { state.UID = "other" },
		"the Secret was edited": func(_ *v1alpha1.SecretSync, _ *resolve.Set, state *target.State) { state.ResourceVersion = "8" },
		"no Secret":             func(_ *v1alpha1.SecretSync, _ *resolve.Set, state *target.State) { *state = target.State{} },
		"another secret": func(_ *v1alpha1.SecretSync, set *resolve.Set, _ *target.State) {
			set.Inputs[0].Resolution.Version.ARN = "other"
		},
		"another version": func(_ *v1alpha1.SecretSync, set *resolve.Set, _ *target.State) {
			set.Inputs[0].Resolution.Version.ID = "v2"
		},
		"a former version beside": func(_ *v1alpha1.SecretSync, set *resolve.Set, _ *target.State) { set.Former = []*resolve.Input{{}} },
	} {
		secretSync, state := fresh(), target.State{Exists: true, UID: "uid", ResourceVersion: "7"}
		set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
		set.Inputs[0].Resolution.Version = source.Version{ARN: "arn", ID: "v1"}
		change(secretSync, set, &state)
		is := previewOf(secretSync, set, state)
		if twin, twice := seen[is]; twice {
			t.Errorf("%s is taken for: %s", name, twin)
		}
		seen[is] = name
	}
}

// TestModeObserveKeepsWhatWasWritten: of a Secret that mode Sync has made, status goes on to say which version it holds.
func TestModeObserveKeepsWhatWasWritten(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeObserve })
	e.aws.version = "version-2"
	e.settle(t)
	now := e.now(t).Status
	if got := now.Sources[0].VersionID; got != "version-1" || now.Secret == nil {
		t.Errorf("status has %+v", now)
	}
	if got := e.ready(t).Message; !strings.HasSuffix(got, "would write it: changed value") {
		t.Errorf("Ready says %q", got)
	}
	if held := e.value(t); held != "of version-1" {
		t.Errorf("the Secret has %q", held)
	}
}
