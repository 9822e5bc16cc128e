package secretsync

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// stored is the SecretSync that the API server has, whatever its status is.
func (e *environment) stored(t *testing.T) *v1alpha1.SecretSync {
	t.Helper()
	secretSync := &v1alpha1.SecretSync{}
	if err := e.server.Get(t.Context(), here, secretSync); err != nil {
		t.Fatal(err)
	}
	return secretSync
}

// failedBy is a failure of a class.
func failedBy(reason string, class failure.Class) *failure.Failure {
	return &failure.Failure{Reason: reason, Message: "message", Class: class}
}

func TestEventsFollowTheStatusAndNeverGoBeforeIt(t *testing.T) {
	e := newEnvironment(t, inStatus("version-1"))
	r := e.reportOf(e.stored(t), "version-2")
	r.outcome.Write = writtenAs(target.Updated)
	e.refuses = true
	if _, err := e.report(t.Context(), r); err == nil {
		t.Error("there is no error with a status that was not written")
	}
	if sent := e.sent(); len(sent) != 0 {
		t.Errorf("events with a status that was not written: %q", sent)
	}
	e.refuses = false
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if sent := e.sent(); len(sent) != 1 || !strings.Contains(sent[0], status.EventUpdated) {
		t.Errorf("events: %q", sent)
	}
}

func TestAStatusThatIsTheSameIsNotWritten(t *testing.T) {
	e := newEnvironment(t, inStatus("version-1"))
	for n, at := range []time.Time{noon, noon.Add(time.Hour)} {
		e.clock.SetTime(at)
		if _, err := e.report(t.Context(), e.reportOf(e.stored(t), "version-1")); err != nil {
			t.Fatal(err)
		}
		if e.writes != 1 {
			t.Errorf("%d writes after report %d", e.writes, n+1)
		}
	}
	if sent := e.sent(); len(sent) != 0 {
		t.Errorf("events: %q", sent)
	}
}

func TestEveryStatusKeepsTheRules(t *testing.T) {
	for name, failed := range map[string]*failure.Failure{
		"no failure":      nil,
		"a terminal one":  failedBy(v1alpha1.ReasonAccessDenied, failure.Terminal),
		"a transient one": failedBy(v1alpha1.ReasonRegionUnavailable, failure.Transient),
		"a fight":         failure.Fight("db", []string{"kubectl"}, time.Minute),
	} {
		for _, former := range []string{"", "version-1"} {
			for _, suspended := range []bool{false, true} {
				secretSync := fresh()
				if former != "" {
					secretSync = inStatus(former)
				}
				secretSync.Spec.Suspend = suspended && failed == nil
				e := newEnvironment(t, secretSync)
				r := e.reportOf(e.stored(t), "version-1")
				switch {
				case failed != nil:
					r.err, r.outcome.Set.Answered = failed, false
				case former == "" && !suspended:
					r.outcome.Write = writtenAs(target.Created)
				}
				if _, err := e.report(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				for _, rule := range rules(e.stored(t)) {
					t.Errorf("%s, former version %q, suspended %v: broken: %s", name, former, suspended, rule)
				}
			}
		}
	}
}

// Throttling that is over by the next try costs no request, and is not reported; lasting one is.
func TestThrottlingIsReportedOnceItLasts(t *testing.T) {
	e := newEnvironment(t, inStatus("version-1"))
	r := e.reportOf(e.stored(t), "version-1")
	r.err, r.outcome.Set.Answered = failedBy(v1alpha1.ReasonThrottled, failure.Transient), false
	for try := range throttledUnsaid {
		if result, err := e.report(t.Context(), r); err != nil || result.RequeueAfter > 2*time.Second || e.writes != 0 {
			t.Fatalf("try %d: %d writes, next try after %s, error %v", try, e.writes, result.RequeueAfter, err)
		}
		e.clock.SetTime(r.state.schedule.Next())
	}
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	reported := meta.FindStatusCondition(e.stored(t).Status.Conditions, v1alpha1.ConditionReconciling)
	if e.writes != 1 {
		t.Errorf("%d writes", e.writes)
	}
	if reported == nil || reported.Reason != v1alpha1.ReasonThrottled {
		t.Errorf("Reconciling is %v", reported)
	}
}

// fail reports a failure of a poll, and gives the condition Ready.
func (e *environment) fail(t *testing.T, failed *failure.Failure) metav1.Condition {
	t.Helper()
	r := e.reportOf(e.stored(t), "version-1")
	r.err, r.outcome.Set.Answered = failed, false
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return e.ready(t)
}

// A Secret that is still good stays Ready while AWS does not answer, for three poll intervals and not for ever.
func TestReadyLastsWhileTheValueIsFresh(t *testing.T) {
	for name, test := range map[string]struct {
		interval *metav1.Duration
		fresh    time.Duration
	}{
		"the interval of the operator": {nil, 15 * time.Minute},
		"a longer one of its own":      {&metav1.Duration{Duration: 20 * time.Minute}, time.Hour},
	} {
		secretSync := inStatus("version-1")
		secretSync.Spec.PollInterval = test.interval
		e := newEnvironment(t, secretSync)
		outage := failedBy(v1alpha1.ReasonRegionUnavailable, failure.Transient)
		for _, step := range []struct {
			after time.Duration
			want  metav1.ConditionStatus
		}{{0, metav1.ConditionTrue}, {test.fresh - time.Second, metav1.ConditionTrue}, {test.fresh, metav1.ConditionFalse}} {
			e.clock.SetTime(noon.Add(step.after))
			if got := e.fail(t, outage).Status; got != step.want {
				t.Errorf("%s: after %s Ready is %s", name, step.after, got)
			}
		}
	}
}

// What AWS has refused is not ready again only because AWS does not answer now.
func TestTroubleMakesNothingReady(t *testing.T) {
	e := newEnvironment(t, inStatus("version-1"))
	for _, failed := range []*failure.Failure{
		failedBy(v1alpha1.ReasonSecretNotFound, failure.Terminal),
		failedBy(v1alpha1.ReasonRegionUnavailable, failure.Transient),
		failedBy(v1alpha1.ReasonRegionUnavailable, failure.Transient),
	} {
		if ready := e.fail(t, failed); ready.Status != metav1.ConditionFalse || ready.Reason != failed.Reason {
			t.Errorf("after %s Ready is %s for %s", failed.Reason, ready.Status, ready.Reason)
		}
	}
}

// Polls say what the write has said of the values, without having them; a certificate that expires meanwhile changes
// one status, and no other.
func TestReadyKeepsItsWarnings(t *testing.T) {
	e := newEnvironment(t, inStatus("v1"))
	r := e.reportOf(e.stored(t), "v2")
	r.outcome.Write = writtenAs(target.Updated)
	r.outcome.Write.Notes = render.Notes{Warnings: []string{"the chain is out of order"}, Expires: noon.Add(time.Hour)}
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after   time.Duration
		expired bool
		writes  int
	}{{0, false, 1}, {time.Minute, false, 1}, {time.Hour, true, 2}, {time.Minute, true, 2}} {
		e.after(step.after)
		if _, err := e.report(t.Context(), e.reportOf(e.stored(t), "v2")); err != nil {
			t.Fatal(err)
		}
		ready := e.ready(t)
		if ready.Status != metav1.ConditionTrue || ready.Reason != v1alpha1.ReasonSynced || !strings.Contains(ready.Message, "; warning: the chain is out of order") {
			t.Errorf("Ready is %s for %s: %s", ready.Status, ready.Reason, ready.Message)
		}
		if strings.Contains(ready.Message, `a certificate under "tls.crt" expired on`) != step.expired {
			t.Errorf("after %s: %s", step.after, ready.Message)
		}
		if e.writes != step.writes {
			t.Errorf("after %s status was written %d times, want %d", step.after, e.writes, step.writes)
		}
	}
}

// TestARestartIsReportedOnce: an event has the workloads, and the next one does not name them again.
func TestARestartIsReportedOnce(t *testing.T) {
	e := newEnvironment(t, inStatus("v1"))
	r := e.reportOf(e.stored(t), "v1")
	r.outcome.Rollout = status.Rollout{Enabled: true, Restarted: r.state.restarted.add([]string{"Deployment web"})}
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if sent := e.sent(); len(sent) != 1 || !strings.Contains(sent[0], "Restarted Deployment web for version v1") {
		t.Errorf("events: %q", sent)
	}
	if left := r.state.restarted.add(nil); len(left) > 0 {
		t.Errorf("%q are to be reported still", left)
	}
}

// TestTheLogHasWhatWasDone beside the event; what would be done, or is only seen, is for the reader of events alone.
func TestTheLogHasWhatWasDone(t *testing.T) {
	for mode, want := range map[v1alpha1.SyncMode]string{v1alpha1.SyncModeSync: `"msg"="applied Secret"`, v1alpha1.SyncModeObserve: ""} {
		secretSync := fresh()
		secretSync.Spec.Mode = mode
		e := newEnvironment(t, secretSync)
		var logged []string
		log := funcr.New(func(_, line string) { logged = append(logged, line) }, funcr.Options{})
		for range 2 { // The report of a write is deferred.
			if _, err := e.Reconcile(logr.NewContext(t.Context(), log), requestHere()); err != nil {
				t.Fatal(err)
			}
		}
		if sent := e.sent(); len(sent) != 1 {
			t.Errorf("%s: events %q", mode, sent)
		}
		if want == "" && len(logged) > 0 || want != "" && (len(logged) != 1 || !strings.Contains(logged[0], want)) {
			t.Errorf("%s: the log has %q", mode, logged)
		}
	}
}

// Busy says nothing about the SecretSync: it is put off and not reported, and not all at once later.
func TestBusyIsPutOff(t *testing.T) {
	later := map[time.Duration]bool{}
	for range 20 {
		got := putOff(&source.Error{Kind: source.Busy, RetryAfter: 10 * time.Second})
		if got < 10*time.Second || got > 20*time.Second {
			t.Fatalf("put off by %s", got)
		}
		later[got] = true
	}
	if len(later) < 10 {
		t.Error("all come back at the same time")
	}
	for _, err := range []error{nil, errors.New("x"), &source.Error{Kind: source.Throttled, RetryAfter: time.Second}} {
		if got := putOff(err); got != 0 {
			t.Errorf("%v is put off by %s", err, got)
		}
	}
}

// What a client library said helps to find a fault; it is a detail, and no place for credentials.
func TestTheCauseOfAFailedReadIsLoggedAsADetailWithoutCredentials(t *testing.T) {
	for level, want := range map[int]bool{0: false, 1: true} {
		var logged strings.Builder
		log := funcr.New(func(_, line string) { logged.WriteString(line) }, funcr.Options{Verbosity: level})
		e := newEnvironment(t, fresh())
		e.aws.refusal = &source.Error{Kind: source.RegionUnavailable, Explanation: "away",
			Cause: errors.New(`Post "https://sts.example.com": proxyconnect tcp: dial http://user:hunter2-marker@proxy:3128: Bearer hunter2-marker`)}
		if _, err := e.Reconcile(logr.NewContext(t.Context(), log), reconcile.Request{NamespacedName: here}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(logged.String(), "proxyconnect tcp"); got != want {
			t.Errorf("at level %d the log has the cause: %t, want %t: %s", level, got, want, logged.String())
		}
		if strings.Contains(logged.String(), "hunter2-marker") {
			t.Errorf("at level %d the log has credentials: %s", level, logged.String())
		}
	}
}
