package secretsync

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// of is a Secret db that belongs to a SecretSync.
func of(owner string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "db", UID: "uid-of-former",
		Labels: map[string]string{v1alpha1.LabelManaged: "true"}, Annotations: map[string]string{v1alpha1.AnnotationOwner: owner}},
		Data: map[string][]byte{"value": []byte("former")}}
}

// TestABlockedSecretSyncIsWoken by its Secret and by the SecretSync that has it; not by a content that changes, which
// says nothing of the owner.
func TestABlockedSecretSyncIsWoken(t *testing.T) {
	for name, test := range map[string]struct {
		change func(e *environment, secret *corev1.Secret) error
		after  time.Duration
		owns   bool
	}{
		"the Secret is gone": {func(e *environment, secret *corev1.Secret) error {
			return e.server.Delete(context.Background(), secret)
		}, 0, true},
		"the Secret is handed over": {func(e *environment, secret *corev1.Secret) error {
			secret.Annotations[v1alpha1.AnnotationOwner] = here.Name
			return e.server.Update(context.Background(), secret)
		}, unblockWait, true},
		"the content is another": {func(e *environment, secret *corev1.Secret) error {
			secret.Data["value"] = []byte("x")
			return e.server.Update(context.Background(), secret)
		}, unblockWait, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, fresh(), of("former"))
			e.settle(t)
			if ready := e.ready(t); ready.Reason != v1alpha1.ReasonTargetConflict || !strings.Contains(ready.Message, `"former" was deleted`) {
				t.Fatalf("the condition is %+v", ready)
			}
			secret := e.secret(t, "db")
			if err := test.change(e, secret); err != nil {
				t.Fatal(err)
			}
			if woken := e.writersOf(t.Context(), secret); len(woken) != 1 || woken[0].NamespacedName != here {
				t.Fatalf("woken are %v", woken)
			}
			tries := e.aws.asked
			e.turn(t) // Too soon for a Secret that is still there.
			if now := e.secret(t, "db"); test.after > 0 && (e.aws.asked != tries || metav1.GetControllerOf(now) != nil) {
				t.Error("it is tried again at once")
			}
			e.clock.SetTime(noon.Add(test.after))
			e.settle(t)
			if owns := metav1.GetControllerOf(e.secret(t, "db")) != nil; owns != test.owns {
				t.Errorf("it has the Secret: %v", owns)
			}
			if test.owns && e.ready(t).Reason != v1alpha1.ReasonSynced {
				t.Errorf("the condition is %+v", e.ready(t))
			}
		})
	}
}

// TestRivalsAreWoken by the deletion of a SecretSync, and by edits of its spec.
func TestRivalsAreWoken(t *testing.T) {
	e := newEnvironment(t, fresh(), of("former"))
	e.settle(t)
	former := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "former"}}
	former.Spec.Target.Name = "db"
	if woken := e.rivalsOf(t.Context(), former); len(woken) != 1 || woken[0].NamespacedName != here {
		t.Errorf("by a SecretSync that wants the Secret: %v", woken)
	}
	former.Spec.Target.Name, former.Status.Secret = "moved", &v1alpha1.SecretStatus{Name: "db"}
	if woken := e.rivalsOf(t.Context(), former); len(woken) != 1 || woken[0].NamespacedName != here {
		t.Errorf("by a SecretSync that has written the Secret: %v", woken)
	}
	tries := e.aws.asked
	e.turn(t)
	e.clock.SetTime(noon.Add(unblockWait))
	e.turn(t)
	if e.aws.asked == tries {
		t.Error("it was woken, and nothing was tried")
	}
	if woken := e.rivalsOf(t.Context(), e.now(t)); len(woken) != 0 {
		t.Errorf("by itself: %v", woken)
	}
}

// TestWhatBlocks a SecretSync: what a change of its Secret may end, until a try says something else.
func TestWhatBlocks(t *testing.T) {
	inTheWay := target.State{Exists: true, UID: "uid-of-former", Owner: "former"}
	former, key := blocked{since: noon.Add(-time.Hour), secret: inTheWay}, blocked{since: noon, secret: inTheWay, key: true}
	for name, test := range map[string]struct {
		err     error
		trigger schedule.Trigger
		want    blocked
	}{
		"nothing was tried":           {nil, schedule.None, former},
		"it was tried, and went well": {nil, schedule.Poll, blocked{}},
		"the Secret of another owner": {&target.Error{Reason: v1alpha1.ReasonTargetConflict, ConflictingSecret: inTheWay}, schedule.Poll, blocked{since: noon, secret: inTheWay}},
		"a key of another owner":      {&target.Error{Reason: v1alpha1.ReasonTargetConflict, ConflictingSecret: inTheWay, KeyConflict: true}, schedule.Poll, key},
		"no Secret":                   {&target.Error{Reason: v1alpha1.ReasonTargetNotFound}, schedule.Poll, blocked{since: noon}},
		"no consent":                  {&target.Error{Reason: v1alpha1.ReasonMergeNotAllowed, ConflictingSecret: inTheWay}, schedule.Poll, blocked{since: noon, secret: inTheWay}},
		"no permission":               {&target.Error{Reason: v1alpha1.ReasonTargetForbidden, ConflictingSecret: inTheWay}, schedule.Poll, blocked{}},
		"AWS":                         {&source.Error{Kind: source.AccessDenied}, schedule.Poll, blocked{}},
		"the Secret can't be read, and AWS is not asked": {&target.Error{Reason: v1alpha1.ReasonTargetForbidden}, schedule.None, blocked{}},
	} {
		e := newEnvironment(t, fresh())
		r := &report{attempt: e.attempt(fresh(), test.trigger), syncResult: syncResult{err: test.err, outcome: status.Outcome{Failure: failure.Explain(test.err)}}}
		r.state.blockage.set(former)
		e.secrets = &target.Writer{Client: &oneState{}, Live: &oneState{}}
		if e.noteBlockage(t.Context(), r); r.state.blockage.get() != test.want {
			t.Errorf("%s: blocked by %+v", name, r.state.blockage.get())
		}
	}
}

// TestWhenABlockedSecretSyncIsTriedAgain after it was woken, surely or by a Secret that has changed in some way.
func TestWhenABlockedSecretSyncIsTriedAgain(t *testing.T) {
	const later, soon = time.Hour, unblockWait
	is := func(uid, owner string) target.State { return target.State{Exists: true, UID: uid, Owner: owner} }
	for name, test := range map[string]struct {
		blocked         target.State
		free            bool // nothing was in the way
		key, unreadable bool
		cached          string // UID of the Secret, whose owner is former; empty for none
		woken, surely   bool
		want            time.Duration
	}{
		"not woken":                      {blocked: is("1", "former"), cached: "2", want: later},
		"not blocked":                    {free: true, woken: true, surely: true, cached: "1", want: later},
		"gone":                           {blocked: is("1", "former"), woken: true, want: 0},
		"its content has changed":        {blocked: is("1", "former"), cached: "1", woken: true, want: later},
		"something else has changed":     {blocked: is("1", "former"), cached: "1", woken: true, surely: true, want: soon},
		"another one":                    {blocked: is("2", "former"), cached: "1", woken: true, want: soon},
		"it was handed over":             {blocked: is("1", "other"), cached: "1", woken: true, want: soon},
		"a key, the content has changed": {blocked: is("1", "former"), key: true, cached: "1", woken: true, want: soon},
		"a key, and the Secret is gone":  {blocked: is("1", "former"), key: true, woken: true, want: soon},
		"it can't be read":               {blocked: is("1", "former"), unreadable: true, woken: true, want: soon},
	} {
		e := newEnvironment(t, fresh())
		if test.cached != "" {
			secret := of("former")
			secret.UID = types.UID(test.cached)
			if err := e.server.Create(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
		}
		e.secrets = &target.Writer{Client: e.server}
		if test.unreadable {
			e.secrets.Client = &oneState{refusal: errAway}
		}
		a := e.attempt(fresh(), schedule.None)
		if a.state.schedule.SetNext(noon.Add(later)); !test.free {
			a.state.blockage.set(blocked{since: noon, secret: test.blocked, key: test.key})
		}
		if test.woken {
			e.wakes.wake(here, test.surely)
		}
		if e.unblock(t.Context(), a); a.state.schedule.Next().Sub(noon) != test.want {
			t.Errorf("%s: it is tried after %s, want %s", name, a.state.schedule.Next().Sub(noon), test.want)
		}
	}
}

// TestASureWakeupIsNotForgotten because of one that is not, and a SecretSync is woken once by both.
func TestASureWakeupIsNotForgotten(t *testing.T) {
	for _, wakeups := range [][]bool{{true}, {false}, {true, false}, {false, true}, {false, false}} {
		wakes := newWakeups()
		for _, surely := range wakeups {
			wakes.wake(here, surely)
		}
		if woken, surely := wakes.take(here); !woken || surely != slices.Contains(wakeups, true) {
			t.Errorf("%v: woken %t, surely %t", wakeups, woken, surely)
		}
		if woken, surely := wakes.take(here); woken || surely {
			t.Errorf("%v: woken again", wakeups)
		}
	}
}

// TestWhoIsWoken: those of the same namespace that want the Secret, each once.
func TestWhoIsWoken(t *testing.T) {
	e := newEnvironment(t, fresh())
	for _, name := range []types.NamespacedName{{Namespace: here.Namespace, Name: "rival"}, {Namespace: "other", Name: "rival"}} {
		rival := claimant(name.Name, 0, nil)
		rival.Namespace = name.Namespace
		if err := e.server.Create(t.Context(), &rival); err != nil {
			t.Fatal(err)
		}
	}
	secretSync := fresh()
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db"}
	rival := types.NamespacedName{Namespace: here.Namespace, Name: "rival"}
	if woken := e.rivalsOf(t.Context(), secretSync); len(woken) != 1 || woken[0].NamespacedName != rival {
		t.Errorf("by a SecretSync: %v", woken)
	}
	if _, surely := e.wakes.take(rival); !surely {
		t.Error("that a SecretSync no longer wants the Secret is not sure")
	}
	if woken := e.writersOf(t.Context(), of("former")); len(woken) != 2 {
		t.Errorf("by a Secret: %v", woken)
	}
	if _, surely := e.wakes.take(rival); surely {
		t.Error("any change of a Secret counts as its release")
	}
	if woken := e.rivalsOf(t.Context(), of("other")); len(woken) != 0 {
		t.Errorf("by what is no SecretSync: %v", woken)
	}
}
