package secretsync

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// annotate has another program add an annotation to the Secret.
func (w *world) annotate(t *testing.T, value string) {
	t.Helper()
	secret := w.secret(t, "db")
	secret.Annotations["example.com/seen"] = value
	if err := w.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}

// TestWhatOthersAddIsRemembered, and gets into status with the next write of it, or when the process stops.
func TestWhatOthersAddIsRemembered(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.sent()
	writes := w.writes
	wrote := 0
	w.onWrite = func(context.CancelFunc) { wrote++ }
	for _, value := range []string{"1", "2", "3"} {
		w.annotate(t, value)
		w.settle(t)
	}
	if w.writes != writes || wrote > 0 {
		t.Errorf("status was written %d times, Secrets and SecretSyncs %d times", w.writes-writes, wrote)
	}
	tries := w.aws.asked
	w.settle(t)
	if w.aws.asked != tries {
		t.Error("a Secret that was looked at is looked at again")
	}
	if sent := w.sent(); len(sent) > 0 {
		t.Errorf("events: %q", sent)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := w.Start(stopped); err != nil {
		t.Fatal(err)
	}
	if now := w.now(t).Status.Secret.ResourceVersion; now != w.secret(t, "db").ResourceVersion {
		t.Errorf("after a stop status has the resourceVersion %s", now)
	}
	fetched := w.aws.fetched
	w.Controller = New(w.Options)
	w.settle(t)
	if w.aws.fetched != fetched {
		t.Error("the next process reads the value")
	}
}

// TestWhatIsRememberedGoesWithTheNextStatus, whatever that is written for.
func TestWhatIsRememberedGoesWithTheNextStatus(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.annotate(t, "1")
	w.settle(t)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	w.settle(t)
	if now := w.now(t).Status.Secret.ResourceVersion; now != w.secret(t, "db").ResourceVersion {
		t.Errorf("status has the resourceVersion %s", now)
	}
}

// TestAKillLeavesLittleToDo: the next process reads the value once, and writes nothing.
func TestAKillLeavesLittleToDo(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.annotate(t, "1")
	w.settle(t)
	writes, fetched := w.writes, w.aws.fetched
	before := w.secret(t, "db").ResourceVersion
	w.Controller = New(w.Options)
	w.settle(t)
	w.settle(t)
	if w.writes != writes || w.aws.fetched != fetched+1 || w.secret(t, "db").ResourceVersion != before {
		t.Errorf("%d writes of status, %d reads of the value", w.writes-writes, w.aws.fetched-fetched)
	}
}

// TestARefusedUpdateIsNotTakenForAnEdit: the records of who holds which field are rewritten before the update, which
// gives the Secret another resourceVersion.
func TestARefusedUpdateIsNotTakenForAnEdit(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.onWrite = func(context.CancelFunc) { // After the records were rewritten.
		w.refusal["db"] = apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "db",
			field.ErrorList{field.Invalid(field.NewPath("type"), corev1.SecretTypeBasicAuth, "field is immutable")})
	}
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "another"}} })
	before := w.secret(t, "db").ResourceVersion
	w.settle(t)
	now := w.secret(t, "db").ResourceVersion
	if now == before || w.ready(t).Reason != v1alpha1.ReasonTargetImmutable {
		t.Fatalf("nothing was rewritten, or refused: %+v", w.ready(t))
	}
	if said := w.now(t).Status.Secret.ResourceVersion; said != now {
		t.Errorf("status says resourceVersion %s of %s: the operator's own write counts as an edit", said, now)
	}
}

// TestWhatIsKnownOfASecret is what status says, unless a later look at the same Secret knows more.
func TestWhatIsKnownOfASecret(t *testing.T) {
	said := &v1alpha1.SecretStatus{Name: "db", UID: "1", ResourceVersion: "9"}
	for name, test := range map[string]struct {
		said *v1alpha1.SecretStatus
		seen *target.Result
		want string
	}{
		"nothing":                         {nil, nil, ""},
		"a look, and status says nothing": {nil, &target.Result{UID: "1", ResourceVersion: "10"}, ""},
		"no look":                         {said, nil, "9"},
		"a later look":                    {said, &target.Result{UID: "1", ResourceVersion: "10"}, "10"},
		"an earlier look":                 {said, &target.Result{UID: "1", ResourceVersion: "8"}, "9"},
		"a look at another Secret":        {said, &target.Result{UID: "2", ResourceVersion: "10"}, "9"},
	} {
		m := &memory{}
		m.seen.Store(test.seen)
		got := m.lastSeen(test.said)
		if got == nil && test.want != "" || got != nil && got.ResourceVersion != test.want || said.ResourceVersion != "9" {
			t.Errorf("%s: it is known as %+v", name, got)
		}
	}
}

// TestAStatusForASecretThatWasSeen is not written, and any other is.
func TestAStatusForASecretThatWasSeen(t *testing.T) {
	const seen = "10"
	for name, test := range map[string]struct {
		before, now string // resourceVersions of the Secret in status; empty for none
		seen, more  bool
		only        bool
	}{
		"nothing was seen":               {before: "9", now: seen},
		"the Secret was seen":            {before: "9", now: seen, seen: true, only: true},
		"and a condition is another":     {before: "9", now: seen, seen: true, more: true},
		"the Secret is new":              {now: seen, seen: true},
		"the Secret is no longer wanted": {before: "9", seen: true},
		"the Secret was written since":   {before: "9", now: "11", seen: true},
	} {
		p := written("version-1", "version-1")
		if p.sync.Status = *p.before.Status.DeepCopy(); test.seen {
			p.memory.seen.Store(&target.Result{UID: "secret", ResourceVersion: seen})
		}
		for version, status := range map[string]*v1alpha1.SecretSyncStatus{test.before: &p.before.Status, test.now: &p.sync.Status} {
			if status.Secret.ResourceVersion = version; version == "" {
				status.Secret = nil
			}
		}
		if test.more {
			p.sync.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady}}
		}
		if got := p.onlySeen(); got != test.only {
			t.Errorf("%s: nothing but that was seen: %t", name, got)
		}
	}
}

// TestARewriteIsNoted in the status of that Secret alone.
func TestARewriteIsNoted(t *testing.T) {
	for name, test := range map[string]struct {
		result target.Result
		want   string
	}{
		"rewritten":           {target.Result{UID: "1", ResourceVersion: "10"}, "10"},
		"not rewritten":       {target.Result{UID: "1"}, "9"},
		"another's rewritten": {target.Result{UID: "2", ResourceVersion: "10"}, "9"},
	} {
		p := &pass{sync: fresh()}
		p.noteRewrite(test.result)
		if p.sync.Status.Secret != nil {
			t.Errorf("%s: a Secret is in status that was not", name)
		}
		p.sync.Status.Secret = &v1alpha1.SecretStatus{UID: "1", ResourceVersion: "9"}
		if p.noteRewrite(test.result); p.sync.Status.Secret.ResourceVersion != test.want {
			t.Errorf("%s: status has the resourceVersion %s", name, p.sync.Status.Secret.ResourceVersion)
		}
	}
}

// saving is a world of which a Secret was seen since status was written, whose API server gives these answers to writes of
// status first.
func saving(t *testing.T, answers ...error) (w *world, live *server) {
	t.Helper()
	w = newWorld(t, fresh())
	w.settle(t)
	w.annotate(t, "1")
	w.settle(t)
	w.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, part string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			if len(answers) > 0 {
				answer := answers[0]
				answers = answers[1:]
				return answer
			}
			return c.SubResource(part).Patch(ctx, object, patch, options...)
		},
	})
	live = &server{Reader: w.server}
	w.Live = live
	return w, live
}

// TestWhatWasSeenIsSavedAtTheStop in the status that is there, and in no other. What can't be saved is said, unless
// nothing is lost by it.
func TestWhatWasSeenIsSavedAtTheStop(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "secretsyncs"}, "db", errAway)
	another := apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "test failed", 0, false)
	for name, test := range map[string]struct {
		answers []error
		change  func(*world, *server)
		saved   bool
		reads   int // of the SecretSync at the API server
		problem bool
	}{
		"as it was read":                 {saved: true},
		"changed since the cache":        {answers: []error{conflict}, saved: true, reads: 1},
		"changed again and again":        {answers: []error{conflict, conflict}, reads: 1},
		"another one by now":             {answers: []error{another}},
		"another one, by the API server": {answers: []error{conflict, another}, reads: 1},
		"gone":                           {answers: []error{apierrors.NewNotFound(schema.GroupResource{}, "db")}},
		"gone, by the API server":        {answers: []error{conflict}, change: func(_ *world, live *server) { live.Reader = &oneState{} }, reads: 1},
		"the API server is away":         {answers: []error{errAway}, problem: true},
		"it is away after a conflict":    {answers: []error{conflict}, change: func(w *world, _ *server) { w.Live = w.mute() }, problem: true},
		"it fails after a conflict":      {answers: []error{conflict, errAway}, reads: 1, problem: true},
		"the cache is away":              {change: func(w *world, _ *server) { w.Client = &oneState{refusal: errAway} }, problem: true},
		"another one in the cache":       {change: func(w *world, _ *server) { w.memories.byName[here].uid = "former" }},
		"nothing was seen":               {change: func(w *world, _ *server) { w.memories.byName[here].seen.Store(nil) }},
		"another Secret was seen":        {change: func(w *world, _ *server) { w.see("another", "1000") }},
		"an earlier state of it was seen": {change: func(w *world, _ *server) {
			secretSync := w.now(t)
			secretSync.Status.Secret.ResourceVersion = "50"
			if err := w.server.Status().Update(t.Context(), secretSync); err != nil {
				t.Fatal(err)
			}
			w.see(string(w.secret(t, "db").UID), "40")
		}},
		"no Secret is in status, in the cache": {change: func(w *world, _ *server) {
			secretSync := w.now(t)
			secretSync.Status.Secret = nil
			w.Client = &shown{Client: w.Client, sync: secretSync}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, live := saving(t, test.answers...)
			if test.change != nil {
				test.change(w, live)
			}
			before := w.now(t).Status.Secret.ResourceVersion
			err := w.saveSeen(t.Context())
			if (err != nil) != test.problem || live.reads != test.reads {
				t.Errorf("the API server was read %d times: %v", live.reads, err)
			}
			after := w.now(t).Status.Secret.ResourceVersion
			if test.saved && after != w.secret(t, "db").ResourceVersion || !test.saved && after != before {
				t.Errorf("status had resourceVersion %s and has %s", before, after)
			}
		})
	}
}

// see notes a Secret that was looked at.
func (w *world) see(uid, resourceVersion string) {
	w.memories.byName[here].seen.Store(&target.Result{UID: uid, ResourceVersion: resourceVersion})
}

// TestOneThatCannotBeSavedKeepsNoOtherBack, and each one is said.
func TestOneThatCannotBeSavedKeepsNoOtherBack(t *testing.T) {
	w, _ := saving(t)
	for _, name := range []string{"a", "z"} {
		lost := w.memories.of(client.ObjectKey{Namespace: "nowhere", Name: name}, "uid")
		lost.seen.Store(&target.Result{UID: "1", ResourceVersion: "9"})
	}
	w.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if key.Namespace == "nowhere" {
				return fmt.Errorf("%s is away", key.Name)
			}
			return c.Get(ctx, key, object, options...)
		},
	})
	err := w.saveSeen(t.Context())
	if err == nil || !strings.Contains(err.Error(), "a is away") || !strings.Contains(err.Error(), "z is away") {
		t.Errorf("the error is %v", err)
	}
	if said, is := w.now(t).Status.Secret.ResourceVersion, w.secret(t, "db").ResourceVersion; said != is {
		t.Errorf("status says resourceVersion %s of %s", said, is)
	}
}
