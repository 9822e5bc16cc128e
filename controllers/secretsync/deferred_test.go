package secretsync

import (
	"errors"
	"testing"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
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
