package secretsync

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// withWorkload is an environment whose namespace has a Deployment that uses the Secret.
type withWorkload struct {
	*environment
	apps client.WithWatch
	// refused is the error of lists of workloads; lists counts them.
	refused error
	lists   int
}

func newWithWorkload(t *testing.T, secrets ...client.Object) *withWorkload {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "web", Generation: 1, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec: appsv1.DeploymentSpec{Replicas: new(int32)}, Status: appsv1.DeploymentStatus{ObservedGeneration: 1}}
	web.Spec.Template.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: here.Name}}
	e := &withWorkload{environment: newEnvironment(t, fresh(), secrets...)}
	e.apps = fake.NewClientBuilder().WithScheme(scheme).WithObjects(web).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			e.lists++
			if list.GetObjectKind().GroupVersionKind().Group == "argoproj.io" {
				return &meta.NoKindMatchError{}
			}
			return errors.Join(e.refused, c.List(ctx, list, options...))
		},
	}).Build()
	e.options.Rollouts = e.newRestarter()
	return e
}

// newRestarter makes a Restarter, as a start of the operator does.
func (e *withWorkload) newRestarter() *rollout.Restarter {
	return rollout.New(rollout.Options{Client: e.apps, Live: e.apps, Clock: e.clock})
}

// stamp is what the Deployment was restarted for.
func (e *withWorkload) stamp(t *testing.T) string {
	t.Helper()
	web := &appsv1.Deployment{}
	if err := e.apps.Get(t.Context(), client.ObjectKey{Namespace: here.Namespace, Name: "web"}, web); err != nil {
		t.Fatal(err)
	}
	return web.Spec.Template.Annotations["restart.secretsync.dev/"+here.Name]
}

// settle takes turns until the next one is not due soon. Polls are kept away: their places are drawn by lot.
func (e *withWorkload) settle(t *testing.T) {
	t.Helper()
	for range 10 {
		result := e.turn(t)
		e.pollAt(e.clock.Now().AddDate(0, 0, 1))
		if result.RequeueAfter > firstLagWait || result.RequeueAfter == 0 {
			return
		}
	}
	t.Fatal("turns follow each other without end")
}

// settleAfter lets time pass and takes turns.
func (e *withWorkload) settleAfter(t *testing.T, wait time.Duration) {
	t.Helper()
	e.clock.SetTime(e.clock.Now().Add(wait))
	e.settle(t)
}

// rotate has the secret rotated to version-2 and the poll find it.
func (e *withWorkload) rotate(t *testing.T) {
	t.Helper()
	e.aws.version = "version-2"
	e.pollAt(e.clock.Now())
	e.settle(t)
}

// restarts is the condition WorkloadsRestarted.
func (e *withWorkload) restarts(t *testing.T) *metav1.Condition {
	t.Helper()
	is := meta.FindStatusCondition(e.now(t).Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
	if is == nil {
		t.Fatal("there is no condition")
	}
	return is
}

// TestRestartsGoOnWithoutAWS: they are in status, and need nothing but the API server.
func TestRestartsGoOnWithoutAWS(t *testing.T) {
	e := newWithWorkload(t)
	e.settle(t)
	if is := e.restarts(t); is.Reason != v1alpha1.ReasonRolledOut || e.lists > 0 {
		t.Fatalf("after the first sync: %+v, %d lists", is, e.lists)
	}
	e.rotate(t)
	if got := e.now(t).Status.Rollout; got.Revision != "version-2" || got.HandledRevision != "version-1" || e.stamp(t) != "" {
		t.Fatalf("after the rotation: %+v, stamp %q", got, e.stamp(t))
	}
	e.aws.refusal = &source.Error{Kind: source.AccessDenied, Explanation: "no"}
	e.settleAfter(t, rollout.QuietPeriod)
	e.settleAfter(t, time.Second)
	if got := e.stamp(t); got != "version-2" {
		t.Errorf("the stamp is %q", got)
	}
	secretSync := e.now(t)
	if got := secretSync.Status.Rollout.HandledRevision; got != "version-2" || e.restarts(t).Reason != v1alpha1.ReasonRolledOut {
		t.Errorf("handled is %q, the condition %+v", got, e.restarts(t))
	}
	if !meta.IsStatusConditionTrue(secretSync.Status.Conditions, v1alpha1.ConditionReady) {
		t.Error("AWS was asked, or the sync suffers from the restart")
	}
	measured := &dto.Metric{}
	if err := e.options.Metrics.rollouts.Write(measured); err != nil || measured.Histogram.GetSampleCount() != 1 || measured.Histogram.GetSampleSum() < rollout.QuietPeriod.Seconds() {
		t.Errorf("the time to the workloads was measured %d times, %g seconds: %v", measured.Histogram.GetSampleCount(), measured.Histogram.GetSampleSum(), err)
	}
	lists := e.lists
	e.settleAfter(t, time.Minute)
	if e.lists != lists {
		t.Error("workloads are listed though nothing is pending")
	}
}

// left is a Secret as a former SecretSync of the name has left it.
func left(content string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: here.Name, UID: "uid-of-former",
		Labels: map[string]string{v1alpha1.LabelManaged: "true"}, Annotations: map[string]string{v1alpha1.AnnotationOwner: here.Name}},
		Data: map[string][]byte{"value": []byte(content)}}
}

// TestASecretThatIsTakenOverCallsForARestart: where it held another content. Workloads may be marked for the very
// version that is written now.
func TestASecretThatIsTakenOverCallsForARestart(t *testing.T) {
	handed := left("of version-0") // By its user, and so without a label: the cache does not have it.
	handed.Labels = nil
	for name, test := range map[string]struct {
		secret   *corev1.Secret
		restarts bool
	}{
		"another content": {left("of version-0"), true},
		"the same":        {left("of version-1"), false},
		"handed over":     {handed, true},
	} {
		e := newWithWorkload(t, test.secret)
		e.settle(t)
		e.settleAfter(t, rollout.QuietPeriod)
		e.settleAfter(t, time.Second)
		if got := string(e.secret(t, here.Name).Data["value"]); got != "of version-1" {
			t.Errorf("%s: the Secret has %q", name, got)
		}
		status, is := e.now(t).Status.Rollout, e.restarts(t)
		if is.Reason != v1alpha1.ReasonRolledOut || status.Revision != status.HandledRevision || e.stamp(t) != "" != test.restarts {
			t.Errorf("%s: the stamp is %q, status.rollout %+v, the condition %+v", name, e.stamp(t), status, is)
		}
		if denies := strings.Contains(is.Message, "has not changed"); denies == test.restarts {
			t.Errorf("%s: the condition says %q", name, is.Message)
		}
	}
}

// TestARestoredSecretCallsForARestart: it is in status already, and workloads are marked for its version.
func TestARestoredSecretCallsForARestart(t *testing.T) {
	e := newWithWorkload(t)
	e.settle(t)
	e.rotate(t)
	e.settleAfter(t, rollout.QuietPeriod)
	e.settleAfter(t, time.Second)
	first := e.stamp(t)
	if err := e.server.Delete(t.Context(), e.secret(t, here.Name)); err != nil {
		t.Fatal(err)
	}
	if err := e.server.Create(t.Context(), left("of version-1")); err != nil {
		t.Fatal(err)
	}
	e.settle(t)
	e.settleAfter(t, rollout.QuietPeriod)
	e.settleAfter(t, rollout.QuietPeriod)
	if got := string(e.secret(t, here.Name).Data["value"]); got != "of version-2" {
		t.Errorf("the Secret has %q", got)
	}
	if got := e.stamp(t); got == first || !strings.HasPrefix(got, "version-2#1.") {
		t.Errorf("the stamp is %q, after %q", got, first)
	}
}

// TestAConditionSpeaksOfTheSecretThatIsThere, after its name was edited.
func TestAConditionSpeaksOfTheSecretThatIsThere(t *testing.T) {
	e := newWithWorkload(t)
	e.settle(t)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "renamed" })
	e.settle(t)
	if got := e.restarts(t).Message; !strings.HasPrefix(got, "Secret renamed has not changed") {
		t.Errorf("the condition says %q", got)
	}
}

// TestARestartOutlivesAKill: the Secret was written, status was not, and the next process finds nothing to change.
func TestARestartOutlivesAKill(t *testing.T) {
	e := newWithWorkload(t)
	e.settle(t)
	e.aws.version, e.refuses = "version-2", true
	e.pollAt(noon)
	for range 3 { // The report may be put off first.
		_, _ = e.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
	}
	if got := string(e.secret(t, here.Name).Data["value"]); got != "of version-2" {
		t.Fatalf("the Secret has %q", got)
	}
	if got := e.now(t).Status.Rollout.Revision; got != "version-1" {
		t.Fatalf("status has the revision %s already", got)
	}
	e.refuses = false
	e.Controller = New(e.options)
	e.options.Rollouts = e.newRestarter()
	e.settle(t)
	e.settleAfter(t, rollout.QuietPeriod)
	e.settleAfter(t, time.Second)
	e.settleAfter(t, time.Second)
	if got := e.stamp(t); got != "version-2" {
		t.Errorf("the stamp is %q: the restart is lost", got)
	}
}

// TestAnErrorOfWorkloadsIsTriedAgain: status has nothing of it, and nothing is lost.
func TestAnErrorOfWorkloadsIsTriedAgain(t *testing.T) {
	e := newWithWorkload(t)
	e.settle(t)
	e.rotate(t)
	e.refused = apierrors.NewInternalError(errors.New("etcd is away"))
	e.clock.SetTime(e.clock.Now().Add(rollout.QuietPeriod))
	if result := e.turn(t); result.RequeueAfter != retryStep {
		t.Errorf("it is tried again after %s", result.RequeueAfter)
	}
	if is := e.restarts(t); is.Reason != v1alpha1.ReasonRollingOut || strings.Contains(is.Message, "etcd") {
		t.Errorf("the condition is %+v", is)
	}
	e.refused = nil
	e.settleAfter(t, retryStep)
	if got := e.stamp(t); got != "version-2" {
		t.Errorf("the stamp is %q", got)
	}
}

// TestNoRestartWhileSuspended: a user who suspends wants nothing to move.
func TestNoRestartWhileSuspended(t *testing.T) {
	e := newWithWorkload(t)
	e.settle(t)
	e.rotate(t)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	e.settleAfter(t, time.Minute)
	if e.stamp(t) != "" || e.lists > 0 {
		t.Errorf("the stamp is %q, with %d lists", e.stamp(t), e.lists)
	}
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = false })
	e.settleAfter(t, time.Second)
	e.settleAfter(t, rollout.QuietPeriod)
	e.settleAfter(t, rollout.QuietPeriod)
	if got := e.stamp(t); got != "version-2" {
		t.Errorf("the stamp is %q once it is resumed", got)
	}
}

// TestForbiddenListsAreReported by the condition, and not as a failure of the sync.
func TestForbiddenListsAreReported(t *testing.T) {
	e := newWithWorkload(t)
	e.settle(t)
	e.rotate(t)
	e.refused = apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "", errors.New("no"))
	e.settleAfter(t, rollout.QuietPeriod)
	if is := e.restarts(t); is.Reason != v1alpha1.ReasonRolloutForbidden || is.Status != metav1.ConditionFalse {
		t.Errorf("the condition is %+v", is)
	}
	if !meta.IsStatusConditionTrue(e.now(t).Status.Conditions, v1alpha1.ConditionReady) {
		t.Error("Ready is not true for it")
	}
}

// TestAnotherRestartWaitsForWhatWasJustWritten: from the write on, until it is known whether it calls for a restart.
func TestAnotherRestartWaitsForWhatWasJustWritten(t *testing.T) {
	for name, test := range map[string]struct {
		ignored []string
		reports bool
		want    bool
	}{
		"the report is still to come":     {nil, false, false},
		"it calls for no restart":         {[]string{"value"}, true, true},
		"it is part of the same one soon": {nil, true, true},
	} {
		e := newWithWorkload(t)
		e.settle(t)
		e.edit(t, func(secretSync *v1alpha1.SecretSync) {
			secretSync.Spec.Rollout = &v1alpha1.Rollout{IgnoreKeys: test.ignored}
		})
		e.settleAfter(t, time.Second)
		e.aws.version = "version-2"
		e.pollAt(e.clock.Now())
		e.turn(t)
		if test.reports {
			e.settle(t)
		}
		other := rollout.Change{Namespace: here.Namespace, Name: "other", Secret: here.Name, Revision: "of other", Changed: e.clock.Now()}
		step := func() []string {
			progress, err := e.options.Rollouts.Step(t.Context(), other)
			if err != nil {
				t.Fatal(err)
			}
			return progress.Restarted
		}
		step()
		e.clock.SetTime(e.clock.Now().Add(rollout.QuietPeriod))
		if test.reports && test.ignored == nil {
			e.turn(t)
		}
		restarted := len(step()) > 0 || e.stamp(t) != ""
		if restarted != test.want {
			t.Errorf("%s: the workload was restarted: %t", name, restarted)
		}
	}
}

// TestADeletedSecretSyncHoldsUpNoRestart: what was announced for it is forgotten, also for the memory that it would take for
// as long as the process lives.
func TestADeletedSecretSyncHoldsUpNoRestart(t *testing.T) {
	e := newWithWorkload(t)
	e.turn(t)
	if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
		t.Fatal(err)
	}
	e.turn(t)
	if restarted := e.restartedForOther(t); len(restarted) != 1 {
		t.Errorf("restarted is %q: the workload waits for a SecretSync that is gone", restarted)
	}
}

// TestAnErrorAfterTheWriteLosesNothing: the Secret is written, and the finalizer that is no longer needed could not be
// removed. The next reconcile does what this one could not, and knows that content has changed.
func TestAnErrorAfterTheWriteLosesNothing(t *testing.T) {
	for name, refusal := range map[string]error{
		"the API server is away":   errors.New("connection refused"),
		"another writer writes it": apierrors.NewConflict(schema.GroupResource{Resource: "secretsyncs"}, here.Name, errors.New("changed")),
	} {
		e := newWithWorkload(t)
		e.settle(t)
		secretSync := e.now(t)
		secretSync.Finalizers = []string{v1alpha1.FinalizerMerge}
		if err := e.server.Update(t.Context(), secretSync); err != nil {
			t.Fatal(err)
		}
		through := e.options.Client.(client.WithWatch)
		e.options.Client = interceptor.NewClient(through, interceptor.Funcs{
			Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				return refusal
			},
		})
		e.aws.version = "version-2"
		e.pollAt(e.clock.Now())
		for range 3 {
			_, _ = e.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
		}
		e.options.Client = through
		var err error
		for range 5 {
			_, err = e.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
		}
		status := e.now(t).Status
		if err != nil || status.Rollout.Revision != "version-2" || status.Sources[0].VersionID != "version-2" {
			t.Errorf("%s: error %v, status %+v of %+v", name, err, status.Rollout, status.Sources)
		}
		if finalizers := e.now(t).Finalizers; len(finalizers) > 0 {
			t.Errorf("%s: the finalizers are %q", name, finalizers)
		}
	}
}

// What restart does with a change that is not handled yet: it takes a step, or announces that a restart is to come, or lets
// other SecretSyncs that share a workload go on.
func TestWhatIsDoneAboutAChange(t *testing.T) {
	wrong := "spec"
	updated := &status.Write{Result: &target.Result{Outcome: target.Updated}}
	unchanged := &status.Write{Result: &target.Result{Outcome: target.Unchanged}}
	compared := &status.Write{Result: unchanged.Result, Changes: ownwrites.Changes{Reread: true}}
	for name, test := range map[string]struct {
		write  *status.Write
		change func(*attempt)
		// steps says that a step is taken, waits that the restart of another SecretSync's change waits for what is to come.
		steps, waits bool
	}{
		"nothing was written":             {nil, func(*attempt) {}, true, false},
		"it could not be repaired":        {nil, drifted, true, false},
		"the Secret was written":          {updated, func(*attempt) {}, false, true},
		"it was as desired":               {unchanged, func(*attempt) {}, true, false},
		"it was touched":                  {unchanged, drifted, true, false},
		"it was compared":                 {compared, func(*attempt) {}, true, false},
		"a former process has written it": {compared, drifted, false, true},
		"no restart is wanted":            {nil, unwanted, false, false},
		"no restart is wanted of a write": {updated, unwanted, false, false},
		"it is handled":                   {nil, func(a *attempt) { handled(a.secretSync) }, false, false},
		"the spec cannot be read":         {nil, func(a *attempt) { a.secretSync.Unreadable = &wrong }, false, true},
	} {
		e := newWithWorkload(t)
		e.settle(t)
		e.rotate(t)
		e.options.Rollouts = e.newRestarter()
		e.options.Rollouts.Announce(here.Namespace, here.Name, here.Name, v1alpha1.Rollout{})
		a := e.attempt(e.now(t), schedule.Poll)
		test.change(a)
		a.state.restarted.add([]string{"Deployment former"})
		rollouts, _ := e.restart(t.Context(), a, test.write)
		if !slices.Contains(rollouts.Restarted, "Deployment former") {
			t.Errorf("%s: no event comes for a former restart, but for %q", name, rollouts.Restarted)
		}
		if steps := rollouts.Progress != nil; steps != test.steps {
			t.Errorf("%s: a step is taken: %v", name, steps)
		}
		if waits := !e.othersGoOn(t); waits != test.waits {
			t.Errorf("%s: other SecretSyncs wait: %v", name, waits)
		}
	}
}

func unwanted(a *attempt) {
	a.secretSync.Spec.Rollout = &v1alpha1.Rollout{Restart: v1alpha1.RestartNever}
}

func drifted(a *attempt) { a.found.Drifted = true }

func handled(secretSync *v1alpha1.SecretSync) {
	secretSync.Status.Rollout.HandledRevision = secretSync.Status.Rollout.Revision
}

// othersGoOn says whether another SecretSync's restart of the workload does not wait for this one's.
func (e *withWorkload) othersGoOn(t *testing.T) bool {
	t.Helper()
	return len(e.restartedForOther(t)) > 0
}

// restartedForOther are the workloads that are restarted for another SecretSync of the Secret, once it has settled.
func (e *withWorkload) restartedForOther(t *testing.T) (restarted []string) {
	t.Helper()
	other := rollout.Change{Namespace: here.Namespace, Name: "other", Secret: here.Name, Revision: "of other", Changed: e.clock.Now()}
	for range 2 {
		progress, err := e.options.Rollouts.Step(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		restarted = progress.Restarted
		e.clock.SetTime(e.clock.Now().Add(rollout.QuietPeriod))
	}
	return restarted
}

// Restarts whose event is still to come are not forgotten with the next one.
func TestRestartsWaitForTheirEvent(t *testing.T) {
	e := newWithWorkload(t)
	e.settle(t)
	e.rotate(t)
	e.clock.SetTime(e.clock.Now().Add(rollout.QuietPeriod))
	a := e.attempt(e.now(t), schedule.None)
	a.state.restarted.add([]string{"Deployment former"})
	rollouts, _ := e.restart(t.Context(), a, nil)
	want := []string{"Deployment former", "Deployment web"}
	if !slices.Equal(rollouts.Restarted, want) {
		t.Errorf("an event is to come for %q, want %q", rollouts.Restarted, want)
	}
	if kept := a.state.restarted.add(nil); !slices.Equal(kept, want) {
		t.Errorf("until it has come %q are remembered, want %q", kept, want)
	}
}

// pendingSync is a SecretSync whose workloads are still to be restarted.
func pendingSync() *v1alpha1.SecretSync {
	secretSync := fresh()
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db"}
	secretSync.Status.Rollout = &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: &metav1.Time{Time: noon}}
	return secretSync
}

// TestTheNextReconcileIsThatOfTheNextStepOrPoll, whichever comes first.
func TestTheNextReconcileIsThatOfTheNextStepOrPoll(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*report)
		after  time.Duration
		prior  int
	}{
		"a change that is pending":        {func(*report) {}, rollout.QuietPeriod, schedule.PriorityReport},
		"one of which a step is under":    {func(r *report) { r.outcome.Rollout.Progress = &rollout.Progress{} }, time.Hour, schedule.PriorityPoll},
		"one that is handled":             {func(r *report) { handled(r.secretSync) }, time.Hour, schedule.PriorityPoll},
		"one that no restart is for":      {func(r *report) { unwanted(r.attempt) }, time.Hour, schedule.PriorityPoll},
		"one, and no way to restart":      {func(r *report) { r.outcome.Rollout, _ = New(Options{}).restart(t.Context(), r.attempt, nil) }, time.Hour, schedule.PriorityPoll},
		"a step that is due":              {func(r *report) { r.nextStep = time.Minute }, time.Minute, schedule.PriorityReport},
		"a step with the poll":            {func(r *report) { r.nextStep = time.Hour }, time.Hour, schedule.PriorityPoll},
		"a step after the poll":           {func(r *report) { r.nextStep = 2 * time.Hour }, time.Hour, schedule.PriorityPoll},
		"a cache that lags, and no steps": {func(r *report) { r.outcome.Rollout.Progress, r.found.Lags = &rollout.Progress{}, true }, ownwrites.MaxWatchLag, schedule.PriorityPoll},
	} {
		e := newWithWorkload(t)
		r := &report{attempt: e.attempt(pendingSync(), schedule.Poll)}
		r.outcome.Rollout.Enabled = true
		r.state.schedule.SetNext(noon.Add(time.Hour))
		test.change(r)
		if got := e.Controller.next(r, r.secretSync); got.RequeueAfter != test.after || *got.Priority != test.prior {
			t.Errorf("%s: after %s with priority %d", name, got.RequeueAfter, *got.Priority)
		}
	}
}
