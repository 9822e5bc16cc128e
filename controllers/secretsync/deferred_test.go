package secretsync

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// unreported is the report of a SecretSync whose Secret was created, and whose status does not say so yet.
func unreported(t *testing.T) (*environment, *report) {
	t.Helper()
	e := newEnvironment(t, fresh())
	r := e.reportOf(e.stored(t), "version-1")
	r.outcome.Write = writtenAs(target.Created)
	return e, r
}

func TestWhatIsReportedAtOnce(t *testing.T) {
	for name, change := range map[string]func(*report){
		"a failure":       func(r *report) { r.err = errors.New("x") },
		"nothing written": func(r *report) { r.outcome.Write = nil },
		"nothing changed": func(r *report) { r.outcome.Write.Result.Outcome = target.Unchanged },
		"keys merged in":  func(r *report) { r.secretSync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge },
	} {
		e := newEnvironment(t, inStatus("version-1"))
		r := e.reportOf(e.stored(t), "version-2")
		r.outcome.Write = writtenAs(target.Updated)
		change(r)
		if e.deferReport(r) {
			t.Errorf("%s: the report was deferred", name)
		}
	}
}

func TestReportsOfABurstOfPollsComeAfterItsSecrets(t *testing.T) {
	e := newEnvironment(t, fresh())
	of := func(trigger schedule.Trigger) *report { return &report{attempt: &attempt{trigger: trigger}} }
	wait := func(r *report) time.Duration { return e.deferred.wait(r, e.clock.Now()) }
	for range promptReports {
		if got := wait(of(schedule.Poll)); got != 0 {
			t.Fatalf("one of a few waits %s", got)
		}
	}
	if got := wait(of(schedule.Poll)); got < burstWait || got > 2*burstWait {
		t.Errorf("one of many waits %s", got)
	}
	r := of(schedule.Poll)
	wait(r)
	if !e.deferred.bursting(r, e.clock.Now()) {
		t.Error("a burst ends as it begins")
	}
	if e.deferred.bursting(&report{}, e.clock.Now()) {
		t.Error("a burst holds up reports of others")
	}
	e.clock.SetTime(noon.Add(burstLull))
	if e.deferred.bursting(r, e.clock.Now()) {
		t.Error("a burst goes on though no more Secrets are written")
	}
	e.clock.SetTime(noon.Add(maxBurst))
	wait(of(schedule.Poll))
	for range 2 * promptReports {
		wait(of(schedule.Poll))
	}
	if e.deferred.bursting(r, e.clock.Now()) {
		t.Errorf("a report waits for more than %s", maxBurst)
	}
	if got := wait(of(schedule.Spec)); got != 0 {
		t.Errorf("what comes before reports in the queue anyway makes one wait %s", got)
	}
	e.clock.SetTime(noon.Add(time.Minute))
	if got := wait(of(schedule.Poll)); got != 0 {
		t.Errorf("long after the burst one waits %s", got)
	}
}

// TestAFewReportsASecondFollowAtOnce, also after a burst.
func TestAFewReportsASecondFollowAtOnce(t *testing.T) {
	e := newEnvironment(t, fresh())
	prompt := func() (count int) {
		for range 10 * promptReports {
			switch wait := e.deferred.wait(&report{attempt: &attempt{trigger: schedule.Poll}}, e.clock.Now()); {
			case wait == 0:
				count++
			case wait < burstWait || wait > burstWait*3/2:
				t.Errorf("one of a burst waits for %s", wait)
			}
		}
		return count
	}
	if first := prompt(); first != promptReports {
		t.Errorf("%d follow at once", first)
	}
	e.clock.SetTime(noon.Add(time.Second))
	if next := prompt(); next != promptPerSecond {
		t.Errorf("%d follow at once a second later", next)
	}
}

// TestAReportIsForTheSecretSyncThatItIsOf, and for no other one of the name.
func TestAReportIsForTheSecretSyncThatItIsOf(t *testing.T) {
	for uid, given := range map[types.UID]bool{"uid": true, "another": false} {
		e, r := unreported(t)
		e.deferReport(r)
		if got := e.deferred.take(here, uid); (got != nil) != given {
			t.Errorf("it is given to UID %s: %t", uid, got != nil)
		}
		if left := len(e.deferred.byName); left != 0 {
			t.Errorf("after UID %s %d reports are left", uid, left)
		}
	}
}

// TestWhenALateReportComes: at once, but for one that is part of a burst and that no user waits for.
func TestWhenALateReportComes(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*environment, *report, *v1alpha1.SecretSync)
		waits  bool
	}{
		"within a burst":                     {func(*environment, *report, *v1alpha1.SecretSync) {}, true},
		"after a burst":                      {func(e *environment, _ *report, _ *v1alpha1.SecretSync) { e.deferred.lastOfBurst = noon.Add(-burstLull) }, false},
		"of no burst":                        {func(_ *environment, r *report, _ *v1alpha1.SecretSync) { r.burst = time.Time{} }, false},
		"within a burst, the spec is edited": {func(_ *environment, _ *report, secretSync *v1alpha1.SecretSync) { secretSync.Generation++ }, false},
		"within a burst, a refresh is asked for": {func(_ *environment, _ *report, secretSync *v1alpha1.SecretSync) {
			secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
		}, false},
		"within a burst, the process stops": {func(e *environment, _ *report, _ *v1alpha1.SecretSync) { e.deferred.stop(nil) }, false},
	} {
		for range 10 { // The wait is drawn by lot.
			e, r := unreported(t)
			r.burst, e.deferred.lastOfBurst = noon, noon
			secretSync := r.secretSync.DeepCopy()
			test.change(e, r, secretSync)
			result, err := e.reportDeferred(t.Context(), secretSync, r)
			if err != nil || result.RequeueAfter == 0 || *result.Priority != schedule.PriorityReport {
				t.Fatalf("%s: the next reconcile comes after %s (%v)", name, result.RequeueAfter, err)
			}
			if waits := result.RequeueAfter >= burstWait && result.RequeueAfter <= burstWait*3/2; waits != test.waits || !waits && result.RequeueAfter > firstLagWait {
				t.Errorf("%s: the next reconcile comes after %s", name, result.RequeueAfter)
			}
			if kept := e.deferred.byName[here] == r; kept != test.waits {
				t.Errorf("%s: kept: %t", name, kept)
			}
			if (e.writes > 0) == test.waits {
				t.Errorf("%s: %d writes of status", name, e.writes)
			}
		}
	}
}

// TestALateReportThatFailsIsTriedAgain: the queue does so after an error. What a reconcile had to report is kept, and
// nothing is of a reconcile that has nothing to report.
func TestALateReportThatFailsIsTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		kept bool
	}{
		"a reconcile that went well":                {nil, true},
		"a reconcile with a failure to report":      {&target.Error{Reason: v1alpha1.ReasonTargetForbidden, Message: "no Role"}, true},
		"a reconcile with an error that is ignored": {errAway, false},
	} {
		e, r := unreported(t)
		r.err, e.refuses = test.err, true
		if _, err := e.reportDeferred(t.Context(), r.secretSync, r); err == nil {
			t.Errorf("%s: there is no error", name)
		}
		if kept := e.deferred.take(here, r.secretSync.UID) == r; kept != test.kept {
			t.Errorf("%s: its report is kept: %t", name, kept)
		}
	}
}

// stopped is the context of a process that stops.
func stopped(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	return ctx
}

func TestAStopReportsWhatWasPutOff(t *testing.T) {
	e, r := unreported(t)
	value := source.TextValue("hunter2")
	input := r.outcome.Set.Inputs[0]
	input.Fetched.Value, input.Resolution.Value = value, &value
	if !e.deferReport(r) {
		t.Fatal("the report was not deferred")
	}
	if input.Resolution.Value != nil {
		t.Error("the value of a resolution is kept while the report waits")
	}
	if input.Fetched.Value.Bytes() != nil {
		t.Error("a value that was read is kept while the report waits")
	}
	if err := e.Start(stopped(t)); err != nil {
		t.Fatal(err)
	}
	if e.writes != 1 {
		t.Errorf("%d writes", e.writes)
	}
	if sent := e.sent(); len(sent) != 1 || !strings.Contains(sent[0], status.EventCreated) {
		t.Errorf("events %q", sent)
	}
	if e.deferReport(r) {
		t.Error("a report was deferred that no reconcile would follow")
	}
}

// TestAReportDoesNotHoldUpTheStop for longer than it may, nor does it end with the reconcile.
func TestAReportDoesNotHoldUpTheStop(t *testing.T) {
	for name, report := range map[string]func(*environment, context.Context, *report) error{
		"after a reconcile": func(e *environment, ctx context.Context, r *report) error {
			_, err := e.reportWritten(ctx, r)
			return err
		},
		"at the stop": func(e *environment, ctx context.Context, r *report) error {
			e.deferReport(r)
			return e.Start(ctx)
		},
	} {
		synctest.Test(t, func(t *testing.T) { // Time passes only where everything waits.
			e, r := unreported(t)
			began, reports := time.Now(), 0
			e.through(interceptor.Funcs{
				SubResourcePatch: func(ctx context.Context, _ client.Client, _ string, _ client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
					reports++
					<-ctx.Done() // The API server does not answer.
					return ctx.Err()
				},
			})
			err := report(e, stopped(t), r)
			if took := time.Since(began); took != flushWithin {
				t.Errorf("%s: a report that is not answered takes %s (%v)", name, took, err)
			}
			if reports != 1 {
				t.Errorf("%s: %d reports were tried", name, reports)
			}
		})
	}
}

// TestTheStopSaysWhatItCouldNotReport, and nothing where there is nothing to say. No Secret is watched any more.
func TestTheStopSaysWhatItCouldNotReport(t *testing.T) {
	for name, refuses := range map[string]bool{"the API server answers": false, "it does not": true} {
		e, r := unreported(t)
		var logged strings.Builder
		log := funcr.New(func(_, line string) { logged.WriteString(line) }, funcr.Options{})
		e.refuses = refuses
		ended := false
		e.secretWatches.begin(types.NamespacedName{Name: "other"}, &secretWatch{secret: "db", end: func() { ended = true }})
		e.deferReport(r)
		if err := e.Start(logr.NewContext(stopped(t), log)); err != nil {
			t.Fatal(err)
		}
		if !ended {
			t.Errorf("%s: the Secret is watched still", name)
		}
		said := strings.Contains(logged.String(), "before the stop")
		if said != refuses || said && !strings.Contains(logged.String(), "etcd is away") {
			t.Errorf("%s: the log says %s", name, logged.String())
		}
		if left := e.deferred.stop(nil); len(left) != 0 {
			t.Errorf("%s: %d reports are left for a second stop", name, len(left))
		}
	}
}

// TestARunningReconcileIsNotReportedBesideIt: the state of a SecretSync is for one goroutine at a time.
func TestARunningReconcileIsNotReportedBesideIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := unreported(t)
		secretSync := fresh()
		secretSync.Name = "other"
		other := e.reportOf(secretSync, "version-1")
		other.outcome.Write = writtenAs(target.Created)
		e.deferReport(r)
		e.deferReport(other)
		e.running.Begin(here, noon) // It never ends.
		var reported []string
		e.through(interceptor.Funcs{
			SubResourcePatch: func(_ context.Context, _ client.Client, _ string, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
				reported = append(reported, object.GetName())
				return errors.New("too late")
			},
		})
		if err := e.Start(stopped(t)); err != nil {
			t.Error(err)
		}
		if !slices.Equal(reported, []string{"other"}) {
			t.Errorf("reported are %q", reported)
		}
	})
}
