package secretsync

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// works is a world whose namespace has a Deployment that uses the Secret.
type works struct {
	*world
	apps client.WithWatch
	// trouble is the answer to lists of workloads; lists counts them.
	trouble error
	lists   int
}

func newWorks(t *testing.T, secrets ...client.Object) *works {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "web", Generation: 1, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec: appsv1.DeploymentSpec{Replicas: new(int32)}, Status: appsv1.DeploymentStatus{ObservedGeneration: 1}}
	web.Spec.Template.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: here.Name}}
	w := &works{world: newWorld(t, fresh(), secrets...)}
	w.apps = fake.NewClientBuilder().WithScheme(scheme).WithObjects(web).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			w.lists++
			if list.GetObjectKind().GroupVersionKind().Group == "argoproj.io" {
				return &meta.NoKindMatchError{}
			}
			return errors.Join(w.trouble, c.List(ctx, list, options...))
		},
	}).Build()
	w.Rollouts = rollout.New(rollout.Options{Client: w.apps, Live: w.apps, Clock: w.clock})
	return w
}

// stamp is what the Deployment was restarted for.
func (w *works) stamp(t *testing.T) string {
	t.Helper()
	web := &appsv1.Deployment{}
	if err := w.apps.Get(t.Context(), client.ObjectKey{Namespace: here.Namespace, Name: "web"}, web); err != nil {
		t.Fatal(err)
	}
	return web.Spec.Template.Annotations["restart.secretsync.dev/"+here.Name]
}

// settle takes turns until the next one is not due soon. Polls are kept away: their places are drawn by lot.
func (w *works) settle(t *testing.T) {
	t.Helper()
	for range 10 {
		result := w.turn(t)
		w.pollAt(w.clock.Now().AddDate(0, 0, 1))
		if result.RequeueAfter > cacheLag || result.RequeueAfter == 0 {
			return
		}
	}
	t.Fatal("turns follow each other without end")
}

func (w *works) pollAt(at time.Time) { w.memories.byName[here].nextLook.set(at) }

// pass lets time go by and takes turns.
func (w *works) pass(t *testing.T, wait time.Duration) {
	t.Helper()
	w.clock.SetTime(w.clock.Now().Add(wait))
	w.settle(t)
}

// rotate has the secret rotated to version-2 and the poll find it.
func (w *works) rotate(t *testing.T) {
	t.Helper()
	w.aws.version = "version-2"
	w.pollAt(w.clock.Now())
	w.settle(t)
}

func (w *works) told(t *testing.T) *metav1.Condition {
	t.Helper()
	is := meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
	if is == nil {
		t.Fatal("there is no condition")
	}
	return is
}

// TestRestartsGoOnWithoutAWS: they are in status, and need nobody but the API server.
func TestRestartsGoOnWithoutAWS(t *testing.T) {
	w := newWorks(t)
	w.settle(t)
	if is := w.told(t); is.Reason != v1alpha1.ReasonRolledOut || w.lists > 0 {
		t.Fatalf("after the first sync: %+v, %d lists", is, w.lists)
	}
	w.rotate(t)
	if got := w.now(t).Status.Rollout; got.Revision != "version-2" || got.HandledRevision != "version-1" || w.stamp(t) != "" {
		t.Fatalf("after the rotation: %+v, stamp %q", got, w.stamp(t))
	}
	w.aws.refusal = &source.Error{Kind: source.AccessDenied, Explanation: "no"}
	w.pass(t, rollout.QuietPeriod)
	w.pass(t, time.Second)
	if got := w.stamp(t); got != "version-2" {
		t.Errorf("the stamp is %q", got)
	}
	secretSync := w.now(t)
	if got := secretSync.Status.Rollout.HandledRevision; got != "version-2" || w.told(t).Reason != v1alpha1.ReasonRolledOut {
		t.Errorf("handled is %q, the condition %+v", got, w.told(t))
	}
	if !meta.IsStatusConditionTrue(secretSync.Status.Conditions, v1alpha1.ConditionReady) {
		t.Error("AWS was asked, or the sync suffers from the restart")
	}
	measured := &dto.Metric{}
	if err := w.Metrics.rollouts.Write(measured); err != nil || measured.Histogram.GetSampleCount() != 1 || measured.Histogram.GetSampleSum() < rollout.QuietPeriod.Seconds() {
		t.Errorf("the way to the workloads was measured %d times, %g seconds: %v", measured.Histogram.GetSampleCount(), measured.Histogram.GetSampleSum(), err)
	}
	lists := w.lists
	w.pass(t, time.Minute)
	if w.lists != lists {
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
	handed := left("of version-0") // By its user, and so without a label: the watch does not know it.
	handed.Labels = nil
	for name, test := range map[string]struct {
		secret   *corev1.Secret
		restarts bool
	}{
		"another content": {left("of version-0"), true},
		"the same":        {left("of version-1"), false},
		"handed over":     {handed, true},
	} {
		w := newWorks(t, test.secret)
		w.settle(t)
		w.pass(t, rollout.QuietPeriod)
		w.pass(t, time.Second)
		if got := string(w.secret(t, here.Name).Data["value"]); got != "of version-1" {
			t.Errorf("%s: the Secret has %q", name, got)
		}
		status, is := w.now(t).Status.Rollout, w.told(t)
		if is.Reason != v1alpha1.ReasonRolledOut || status.Revision != status.HandledRevision || w.stamp(t) != "" != test.restarts {
			t.Errorf("%s: the stamp is %q, status.rollout %+v, the condition %+v", name, w.stamp(t), status, is)
		}
		if denies := strings.Contains(is.Message, "has not changed"); denies == test.restarts {
			t.Errorf("%s: the condition says %q", name, is.Message)
		}
	}
}

// TestARestoredSecretCallsForARestart: it is in status already, and workloads are marked for its version.
func TestARestoredSecretCallsForARestart(t *testing.T) {
	w := newWorks(t)
	w.settle(t)
	w.rotate(t)
	w.pass(t, rollout.QuietPeriod)
	w.pass(t, time.Second)
	first := w.stamp(t)
	if err := w.server.Delete(t.Context(), w.secret(t, here.Name)); err != nil {
		t.Fatal(err)
	}
	if err := w.server.Create(t.Context(), left("of version-1")); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	w.pass(t, rollout.QuietPeriod)
	w.pass(t, rollout.QuietPeriod)
	if got := string(w.secret(t, here.Name).Data["value"]); got != "of version-2" {
		t.Errorf("the Secret has %q", got)
	}
	if got := w.stamp(t); got == first || !strings.HasPrefix(got, "version-2#1.") {
		t.Errorf("the stamp is %q, after %q", got, first)
	}
}

// TestAConditionSpeaksOfTheSecretThatIsThere: after its name was edited.
func TestAConditionSpeaksOfTheSecretThatIsThere(t *testing.T) {
	w := newWorks(t)
	w.settle(t)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "renamed" })
	w.settle(t)
	if got := w.told(t).Message; !strings.HasPrefix(got, "Secret renamed has not changed") {
		t.Errorf("the condition says %q", got)
	}
}

// TestARestartOutlivesAKill: the Secret was written, status was not, and the next process finds nothing to change.
func TestARestartOutlivesAKill(t *testing.T) {
	w := newWorks(t)
	w.settle(t)
	w.aws.version, w.refuses = "version-2", true
	w.pollAt(noon)
	for range 3 { // The report may be put off first.
		_, _ = w.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
	}
	if got := string(w.secret(t, here.Name).Data["value"]); got != "of version-2" {
		t.Fatalf("the Secret has %q", got)
	}
	if got := w.now(t).Status.Rollout.Revision; got != "version-1" {
		t.Fatalf("status has the revision %s already", got)
	}
	w.refuses = false
	w.Controller = New(w.Options)
	w.Rollouts = rollout.New(w.Rollouts.Options)
	w.settle(t)
	w.pass(t, rollout.QuietPeriod)
	w.pass(t, time.Second)
	w.pass(t, time.Second)
	if got := w.stamp(t); got != "version-2" {
		t.Errorf("the stamp is %q: the restart is lost", got)
	}
}

// TestTroubleWithWorkloadsIsTriedAgain: nothing is said of it in status, and nothing is lost.
func TestTroubleWithWorkloadsIsTriedAgain(t *testing.T) {
	w := newWorks(t)
	w.settle(t)
	w.rotate(t)
	w.trouble = apierrors.NewInternalError(errors.New("etcd is away"))
	w.clock.SetTime(w.clock.Now().Add(rollout.QuietPeriod))
	if result := w.turn(t); result.RequeueAfter != retryStep {
		t.Errorf("it is tried again after %s", result.RequeueAfter)
	}
	if is := w.told(t); is.Reason != v1alpha1.ReasonRollingOut || strings.Contains(is.Message, "etcd") {
		t.Errorf("the condition is %+v", is)
	}
	w.trouble = nil
	w.pass(t, retryStep)
	if got := w.stamp(t); got != "version-2" {
		t.Errorf("the stamp is %q", got)
	}
}

// TestNoRestartWhileSuspended: whoever suspends wants nothing to move.
func TestNoRestartWhileSuspended(t *testing.T) {
	w := newWorks(t)
	w.settle(t)
	w.rotate(t)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	w.pass(t, time.Minute)
	if w.stamp(t) != "" || w.lists > 0 {
		t.Errorf("the stamp is %q, with %d lists", w.stamp(t), w.lists)
	}
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = false })
	w.pass(t, time.Second)
	w.pass(t, rollout.QuietPeriod)
	w.pass(t, rollout.QuietPeriod)
	if got := w.stamp(t); got != "version-2" {
		t.Errorf("the stamp is %q once it goes on", got)
	}
}

// TestForbiddenListsAreSaid: by the condition, not as trouble of the sync.
func TestForbiddenListsAreSaid(t *testing.T) {
	w := newWorks(t)
	w.settle(t)
	w.rotate(t)
	w.trouble = apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "", errors.New("no"))
	w.pass(t, rollout.QuietPeriod)
	if is := w.told(t); is.Reason != v1alpha1.ReasonRolloutForbidden || is.Status != metav1.ConditionFalse {
		t.Errorf("the condition is %+v", is)
	}
	if !meta.IsStatusConditionTrue(w.now(t).Status.Conditions, v1alpha1.ConditionReady) {
		t.Error("the sync is not ready for it")
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
		w := newWorks(t)
		w.settle(t)
		w.edit(t, func(secretSync *v1alpha1.SecretSync) {
			secretSync.Spec.Rollout = &v1alpha1.Rollout{IgnoreKeys: test.ignored}
		})
		w.pass(t, time.Second)
		w.aws.version = "version-2"
		w.pollAt(w.clock.Now())
		w.turn(t)
		if test.reports {
			w.settle(t)
		}
		other := rollout.Change{Namespace: here.Namespace, Name: "other", Secret: here.Name, Revision: "of other", Changed: w.clock.Now()}
		step := func() []string {
			progress, err := w.Rollouts.Step(t.Context(), other)
			if err != nil {
				t.Fatal(err)
			}
			return progress.Restarted
		}
		step()
		w.clock.SetTime(w.clock.Now().Add(rollout.QuietPeriod))
		if test.reports && test.ignored == nil {
			w.turn(t)
		}
		restarted := len(step()) > 0 || w.stamp(t) != ""
		if restarted != test.want {
			t.Errorf("%s: the workload was restarted: %t", name, restarted)
		}
	}
}

// TestWhoIsGoneHoldsUpNoRestart: what was announced for a SecretSync that was deleted since is forgotten, also for
// the memory that each of them would take for as long as the process lives.
func TestWhoIsGoneHoldsUpNoRestart(t *testing.T) {
	w := newWorks(t)
	w.turn(t)
	if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
		t.Fatal(err)
	}
	w.turn(t)
	if restarted := w.restartedForOther(t); len(restarted) != 1 {
		t.Errorf("restarted is %q: the workload waits for a SecretSync that is gone", restarted)
	}
}

// TestTroubleAfterTheWriteLosesNothing: the Secret is written, and the finalizer that is called for no more could not
// be taken off. The next turn does what this one could not, and knows that content has changed.
func TestTroubleAfterTheWriteLosesNothing(t *testing.T) {
	for name, trouble := range map[string]error{
		"the API server is away":  errors.New("connection refused"),
		"somebody else writes it": apierrors.NewConflict(schema.GroupResource{Resource: "secretsyncs"}, here.Name, errors.New("changed")),
	} {
		w := newWorks(t)
		w.settle(t)
		secretSync := w.now(t)
		secretSync.Finalizers = []string{v1alpha1.FinalizerMerge}
		if err := w.server.Update(t.Context(), secretSync); err != nil {
			t.Fatal(err)
		}
		through := w.Client.(client.WithWatch)
		w.Client = interceptor.NewClient(through, interceptor.Funcs{
			Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				return trouble
			},
		})
		w.aws.version = "version-2"
		w.pollAt(w.clock.Now())
		for range 3 {
			_, _ = w.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
		}
		w.Client = through
		var err error
		for range 5 {
			_, err = w.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
		}
		status := w.now(t).Status
		if err != nil || status.Rollout.Revision != "version-2" || status.Sources[0].VersionID != "version-2" || len(w.now(t).Finalizers) > 0 {
			t.Errorf("%s: error %v, status %+v of %+v", name, err, status.Rollout, status.Sources)
		}
	}
}

// What restart does with a change that is not handled yet: it takes a step, or says that what was written is to come, or
// lets those who share a workload go on.
func TestWhatIsDoneAboutAChange(t *testing.T) {
	written, unchanged, wrong := &target.Result{Outcome: target.Updated}, &target.Result{Outcome: target.Unchanged}, "spec"
	for name, test := range map[string]struct {
		change func(*pass)
		// steps says that a step is taken, waits that the restart of another SecretSync's change waits for what is to come.
		steps, waits bool
	}{
		"nothing was applied":             {func(*pass) {}, true, false},
		"the Secret was written":          {func(p *pass) { p.applied = written }, false, true},
		"it was as desired":               {func(p *pass) { p.applied = unchanged }, true, false},
		"it was touched":                  {func(p *pass) { p.applied, p.drifted = unchanged, true }, true, false},
		"it was compared":                 {func(p *pass) { p.applied, p.changes.reread = unchanged, true }, true, false},
		"a former process has written it": {func(p *pass) { p.applied, p.drifted, p.changes.reread = unchanged, true, true }, false, true},
		"no restart is wanted":            {unwanted, false, false},
		"no restart is wanted of a write": {func(p *pass) { unwanted(p); p.applied = written }, false, false},
		"it is handled":                   {func(p *pass) { p.sync.Status.Rollout.HandledRevision = p.sync.Status.Rollout.Revision }, false, false},
		"the spec cannot be read":         {func(p *pass) { p.sync.Unreadable = &wrong }, false, true},
	} {
		w := newWorks(t)
		w.settle(t)
		w.rotate(t)
		w.Rollouts = rollout.New(w.Rollouts.Options)
		w.Rollouts.Announce(here.Namespace, here.Name, here.Name, v1alpha1.Rollout{})
		p := w.begin(w.now(t), &memory{})
		test.change(p)
		w.restart(t.Context(), p)
		if steps := p.rollout != nil; steps != test.steps {
			t.Errorf("%s: a step is taken: %v", name, steps)
		}
		if waits := !w.othersGoOn(t); waits != test.waits {
			t.Errorf("%s: others wait: %v", name, waits)
		}
	}
}

func unwanted(p *pass) {
	p.sync.Spec.Rollout = &v1alpha1.Rollout{Restart: v1alpha1.RestartNever}
}

// othersGoOn says whether another SecretSync's restart of the workload needs not wait for this one's.
func (w *works) othersGoOn(t *testing.T) bool {
	t.Helper()
	return len(w.restartedForOther(t)) > 0
}

// restartedForOther are the workloads that are restarted for another SecretSync of the Secret, once it has settled.
func (w *works) restartedForOther(t *testing.T) (restarted []string) {
	t.Helper()
	other := rollout.Change{Namespace: here.Namespace, Name: "other", Secret: here.Name, Revision: "of other", Changed: w.clock.Now()}
	for range 2 {
		progress, err := w.Rollouts.Step(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		restarted = progress.Restarted
		w.clock.SetTime(w.clock.Now().Add(rollout.QuietPeriod))
	}
	return restarted
}

// Restarts whose event is still to come are not forgotten with the next one.
func TestRestartsWaitForTheirEvent(t *testing.T) {
	w := newWorks(t)
	w.settle(t)
	w.rotate(t)
	w.clock.SetTime(w.clock.Now().Add(rollout.QuietPeriod))
	p := w.begin(w.now(t), &memory{restarted: []string{"Deployment former"}})
	w.restart(t.Context(), p)
	if want := []string{"Deployment former", "Deployment web"}; !slices.Equal(p.memory.restarted, want) {
		t.Errorf("an event is to come for %q, want %q", p.memory.restarted, want)
	}
}

func TestWhatIsPending(t *testing.T) {
	policy := v1alpha1.Rollout{IgnoreKeys: []string{"note"}}
	for name, test := range map[string]struct {
		change func(*v1alpha1.SecretSyncStatus)
		want   bool
	}{
		"a revision that is not handled": {func(*v1alpha1.SecretSyncStatus) {}, true},
		"one that is":                    {func(status *v1alpha1.SecretSyncStatus) { status.Rollout.HandledRevision = "v2" }, false},
		"one without a time":             {func(status *v1alpha1.SecretSyncStatus) { status.Rollout.ChangedTime = nil }, false},
		"one without a Secret":           {func(status *v1alpha1.SecretSyncStatus) { status.Secret = nil }, false},
		"none":                           {func(status *v1alpha1.SecretSyncStatus) { status.Rollout = nil }, false},
	} {
		secretSync := pendingSync()
		test.change(&secretSync.Status)
		change, pending := pendingChange(secretSync, policy)
		want := rollout.Change{}
		if test.want {
			want = rollout.Change{Namespace: here.Namespace, Name: here.Name, Secret: "db", Revision: "v2", Handled: "v1", Changed: noon, Policy: policy}
		}
		if diff := cmp.Diff(want, change); pending != test.want || diff != "" {
			t.Errorf("%s: pending: %v\n%s", name, pending, diff)
		}
	}
}

// pendingSync is a SecretSync whose workloads are still to be restarted.
func pendingSync() *v1alpha1.SecretSync {
	secretSync := fresh()
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db"}
	secretSync.Status.Rollout = &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: &metav1.Time{Time: noon}}
	return secretSync
}

func TestTheNextTurnIsThatOfTheNextStepOrPoll(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Controller, *pass)
		after  time.Duration
		prior  int
	}{
		"a change that is pending":        {func(*Controller, *pass) {}, rollout.QuietPeriod, priorityReport},
		"one of which a step is under":    {func(_ *Controller, p *pass) { p.rollout = &rollout.Progress{} }, time.Hour, priorityPoll},
		"one that is handled":             {func(_ *Controller, p *pass) { p.sync.Status.Rollout.HandledRevision = "v2" }, time.Hour, priorityPoll},
		"one that no restart is for":      {func(_ *Controller, p *pass) { unwanted(p) }, time.Hour, priorityPoll},
		"one, and no way to restart":      {func(c *Controller, _ *pass) { c.Rollouts = nil }, time.Hour, priorityPoll},
		"a step that is due":              {func(_ *Controller, p *pass) { p.stepAgain = time.Minute }, time.Minute, priorityReport},
		"a step with the poll":            {func(_ *Controller, p *pass) { p.stepAgain = time.Hour }, time.Hour, priorityPoll},
		"a step after the poll":           {func(_ *Controller, p *pass) { p.stepAgain = 2 * time.Hour }, time.Hour, priorityPoll},
		"a cache that lags, and no steps": {func(_ *Controller, p *pass) { p.rollout, p.lags = &rollout.Progress{}, true }, cacheLagMost, priorityPoll},
	} {
		w := newWorks(t)
		p := w.begin(pendingSync(), &memory{})
		p.memory.nextLook.set(noon.Add(time.Hour))
		test.change(w.Controller, p)
		if got := w.nextTurn(p); got.RequeueAfter != test.after || *got.Priority != test.prior {
			t.Errorf("%s: after %s with priority %d", name, got.RequeueAfter, *got.Priority)
		}
	}
}
