package secretsync

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestASecretSyncThatCannotBeReadIsNotForgotten: the queue tries again after the error.
func TestASecretSyncThatCannotBeReadIsNotForgotten(t *testing.T) {
	for name, fails := range map[string]func(*environment){
		"in the cache":                      func(e *environment) { e.options.Client = &oneState{Client: e.options.Client, refusal: errAway} },
		"at the API server, as it is large": func(e *environment) { e.options.Client, e.options.Live = abridging{e.options.Client}, e.mute() },
	} {
		e := newEnvironment(t, fresh())
		e.settle(t)
		known, asked := e.state(), e.aws.asked
		e.shares.Mark(here, true)
		fails(e)
		e.after(2 * e.options.PollInterval)
		if _, err := e.Reconcile(t.Context(), reconcile.Request{NamespacedName: here}); !errors.Is(err, errAway) {
			t.Errorf("%s: the error is %v", name, err)
		}
		if e.state() != known || len(e.states.byName) != 1 {
			t.Errorf("%s: it is forgotten", name)
		}
		if e.aws.asked != asked {
			t.Errorf("%s: AWS is asked", name)
		}
	}
}

// TestWhereKeysAreMergedWithoutConsent: where the operator is set to, and nowhere else.
func TestWhereKeysAreMergedWithoutConsent(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		secretSync, app := merging()
		app.Annotations = nil
		e := newEnvironment(t, secretSync, app)
		options := e.options
		options.MergeWithoutConsent = allowed
		e.Controller = New(options)
		e.settle(t)
		if merged := e.secret(t, "app").Data["value"] != nil; merged != allowed {
			t.Errorf("allowed: %t, merged: %t", allowed, merged)
		}
	}
}

// TestHeavyWorkAndPatternsAreShared by all reconciles of a Controller.
func TestHeavyWorkAndPatternsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{})
		other := pattern.NewBudget(t.Context(), pattern.PassSteps)
		leave := c.heavy.Limit(other, here.Namespace)
		if err := other.Heavy(); err != nil {
			t.Fatal(err)
		}
		secretSync := fresh()
		secretSync.Spec.Guards = &v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "value", Pattern: "v+"}}}
		set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
		set.Inputs[0].Fetched.Value = source.TextValue(strings.Repeat("v", 1<<20+1))
		rendered := make(chan error, 1)
		go func() {
			_, err := c.render(t.Context(), &attempt{secretSync: secretSync}, set)
			rendered <- err
		}()
		synctest.Wait()
		select {
		case err := <-rendered:
			t.Fatalf("heavy work of one namespace is done twice at a time (%v)", err)
		default:
		}
		leave()
		if err := <-rendered; failure.Explain(err) == nil || failure.Explain(err).Reason != v1alpha1.ReasonTargetTooLarge {
			t.Errorf("a Secret that is too large: %v", err)
		}
		if _, err := c.patterns.CompileWhole(pattern.NewBudget(t.Context(), 0), "v+"); err != nil {
			t.Errorf("the pattern is not kept: %v", err)
		}
		next := pattern.NewBudget(t.Context(), pattern.PassSteps)
		defer c.heavy.Limit(next, here.Namespace)()
		if err := next.Heavy(); err != nil { // The test hangs where it has to wait.
			t.Errorf("heavy work is counted after its end: %v", err)
		}
	})
}

// retaining is an environment in sync whose spec asks for Retain since, and whose API server does not free the Secret.
func retaining(t *testing.T) *environment {
	t.Helper()
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.refusal["db"] = forbidden("db")
	e.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	})
	return e
}

// TestASecretThatCouldNotBeFreedIsReported, unless the reconcile has failed at something else before.
func TestASecretThatCouldNotBeFreedIsReported(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"no other failure": {nil, v1alpha1.ReasonTargetForbidden},
		"AWS has refused":  {&failure.Failure{Reason: v1alpha1.ReasonAccessDenied, Message: "denied"}, v1alpha1.ReasonAccessDenied},
	} {
		e := retaining(t)
		a := e.attempt(e.now(t), schedule.Spec)
		ended := syncResult{outcome: status.Outcome{SecretSync: a.secretSync, Trigger: a.trigger}, err: test.err}
		if _, err := e.finish(t.Context(), &report{attempt: a, syncResult: ended}); err != nil {
			t.Fatal(err)
		}
		if ready := e.ready(t); ready.Status != metav1.ConditionFalse || ready.Reason != test.want {
			t.Errorf("%s: Ready is %s for %s", name, ready.Status, ready.Reason)
		}
	}
}

// created is an environment, and the report of a reconcile in it that has created the Secret.
func created(t *testing.T) (*environment, *report) {
	t.Helper()
	e := newEnvironment(t, fresh())
	a := e.attempt(e.now(t), schedule.Spec)
	set := resolve.NewSet(resolve.Request{SecretSync: a.secretSync})
	input := set.Inputs[0]
	input.Resolution.Version = source.Version{ARN: "arn", ID: "version-1"}
	input.Fetched.Version, set.Answered = input.Resolution.Version, true
	return e, &report{attempt: a, syncResult: syncResult{outcome: status.Outcome{
		SecretSync: a.secretSync, Trigger: a.trigger, Set: set,
		Write: &status.Write{Result: &target.Result{Outcome: target.Created, UID: "secret", ResourceVersion: "7"}, At: noon, Keys: []string{"a", "b"}},
	}}}
}

// TestWhichReportsAreKept: those of reconciles that have written the Secret; another reconcile reports the same as this one.
func TestWhichReportsAreKept(t *testing.T) {
	for name, written := range map[string]bool{"nothing was written": false, "the Secret was written": true} {
		e, r := created(t)
		e.refuses = true
		if r.secretSync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge; !written {
			r.outcome.Write = nil
			r.secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Generation: 1}
		}
		if _, err := e.finish(t.Context(), r); err == nil {
			t.Errorf("%s: there is no error", name)
		}
		if kept := e.deferred.byName[here] != nil; kept != written {
			t.Errorf("%s: its report is kept: %t", name, kept)
		}
	}
}

// TestAReportThatIsPutOffWaitsBehindSecrets that others wait for.
func TestAReportThatIsPutOffWaitsBehindSecrets(t *testing.T) {
	e, r := created(t)
	turn, err := e.finish(t.Context(), r)
	if err != nil || turn.RequeueAfter == 0 || *turn.Priority != schedule.PriorityReport || e.writes > 0 {
		t.Errorf("%d writes, the report comes after %s with priority %d (%v)", e.writes, turn.RequeueAfter, *turn.Priority, err)
	}
}
