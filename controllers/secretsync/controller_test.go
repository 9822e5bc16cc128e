package secretsync

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestASecretSyncThatCannotBeReadIsNotForgotten: the queue tries again after the error.
func TestASecretSyncThatCannotBeReadIsNotForgotten(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"in the cache":                      func(w *world) { w.Client = &oneState{Client: w.Client, refusal: errAway} },
		"at the API server, as it is large": func(w *world) { w.Client, w.Live = abridging{w.Client}, w.mute() },
	} {
		w := newWorld(t, fresh())
		w.settle(t)
		memory, asked := w.memories.byName[here], w.aws.asked
		w.shares.mark(here, true)
		spoil(w)
		w.after(2 * w.PollInterval)
		if _, err := w.Reconcile(t.Context(), reconcile.Request{NamespacedName: here}); !errors.Is(err, errAway) {
			t.Errorf("%s: the error is %v", name, err)
		}
		if w.memories.byName[here] != memory || len(w.memories.byName) != 1 || w.aws.asked != asked {
			t.Errorf("%s: it is forgotten, or AWS is asked", name)
		}
	}
}

// TestWhereKeysAreMergedWithoutConsent: where the operator says so, and nowhere else.
func TestWhereKeysAreMergedWithoutConsent(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		secretSync, app := merging()
		app.Annotations = nil
		w := newWorld(t, secretSync, app)
		options := w.Options
		options.MergeWithoutConsent = allowed
		w.Controller = New(options)
		w.settle(t)
		if merged := w.secret(t, "app").Data["value"] != nil; merged != allowed {
			t.Errorf("allowed: %t, merged: %t", allowed, merged)
		}
	}
}

// TestHeavyWorkAndPatternsAreShared by all passes of a Controller.
func TestHeavyWorkAndPatternsAreShared(t *testing.T) {
	c := New(Options{})
	work, leave := c.work(t.Context(), c.begin(fresh(), &memory{}))
	if err := work.Budget.Spend("test", lightSteps+1); err != nil {
		t.Fatal(err)
	}
	if work.Patterns == nil || !c.heavy.running[here.Namespace] {
		t.Error("heavy work is not counted, or patterns are not kept")
	}
	if leave(); c.heavy.running[here.Namespace] {
		t.Error("heavy work is counted after its end")
	}
}

// retaining is a world in sync whose spec asks for Retain since, and whose API server does not free the Secret.
func retaining(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, fresh())
	w.settle(t)
	w.refusal["db"] = forbidden("db")
	w.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	})
	return w
}

// TestASecretThatCouldNotBeFreedIsSaid, unless the pass has failed at something else before.
func TestASecretThatCouldNotBeFreedIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a pass that has met nothing else": {nil, v1alpha1.ReasonTargetForbidden},
		"a pass that AWS has refused":      {&failure{reason: v1alpha1.ReasonAccessDenied, message: "denied", heals: byEdit}, v1alpha1.ReasonAccessDenied},
	} {
		w := retaining(t)
		p := w.begin(w.now(t), w.memories.of(here, "uid"))
		p.err, p.trigger = test.err, triggerSpec
		if _, err := w.finish(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if ready := w.ready(t); ready.Status != metav1.ConditionFalse || ready.Reason != test.want {
			t.Errorf("%s: Ready is %s for %s", name, ready.Status, ready.Reason)
		}
	}
}

// TestWhichReportsAreKept: those of passes that have written the Secret; another pass has the same to say as this one.
func TestWhichReportsAreKept(t *testing.T) {
	for name, written := range map[string]bool{"nothing was written": false, "the Secret was written": true} {
		d, p := late(t)
		d.refuses = true
		if p.sync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge; !written {
			p.applied = nil
		}
		if _, err := d.finish(t.Context(), p); err == nil {
			t.Errorf("%s: there is no error", name)
		}
		if kept := p.memory.unreported != nil; kept != written {
			t.Errorf("%s: its report is kept: %t", name, kept)
		}
	}
}

// TestAReportThatIsPutOffWaitsBehindSecrets that others wait for.
func TestAReportThatIsPutOffWaitsBehindSecrets(t *testing.T) {
	d, p := late(t)
	turn, err := d.finish(t.Context(), p)
	if err != nil || turn.RequeueAfter == 0 || *turn.Priority != priorityReport || d.writes > 0 {
		t.Errorf("%d writes, the report comes after %s with priority %d (%v)", d.writes, turn.RequeueAfter, *turn.Priority, err)
	}
}
