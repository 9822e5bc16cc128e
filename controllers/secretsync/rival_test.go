package secretsync

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// others lets operator tools/b write a status with its version, and the Secret with its value.
func (e *environment) others(t *testing.T) {
	t.Helper()
	secretSync, secret := e.now(t), e.secret(t, "db")
	secret.Data = map[string][]byte{"value": []byte("of version-b")}
	if err := e.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	secretSync.Status.Operator = "tools/b"
	secretSync.Status.Sources[0].VersionID = "version-b"
	secretSync.Status.Secret.ResourceVersion = e.secret(t, "db").ResourceVersion
	secretSync.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSynced, Message: "Synced",
		LastTransitionTime: metav1.NewTime(noon)}}
	if err := e.server.Status().Update(t.Context(), secretSync); err != nil {
		t.Fatal(err)
	}
}

// polled lets the next poll come.
func (e *environment) polled(t *testing.T) {
	t.Helper()
	e.after(10 * time.Minute) // Longer than the interval, with what is random of it.
	e.pollAt(e.clock.Now())
	e.settle(t)
}

func operatorA(t *testing.T) *environment {
	t.Helper()
	e := newEnvironment(t, fresh())
	e.options.Operator = "tools/a"
	e.settle(t)
	if by := e.now(t).Status.Operator; by != "tools/a" {
		t.Fatalf("status is by operator %q", by)
	}
	return e
}

func TestAnOperatorConflictIsReportedOnceAndEnds(t *testing.T) {
	e := operatorA(t)
	e.sent()
	e.others(t)
	e.polled(t)
	if ready := e.ready(t); ready.Status != metav1.ConditionTrue || e.value(t) != "of version-1" {
		t.Fatalf("after one status of another operator: %+v", ready)
	}
	e.sent()
	for n := range 3 {
		e.others(t)
		e.polled(t)
		ready := e.ready(t)
		if ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonOperatorConflict ||
			!strings.Contains(ready.Message, "operator tools/b works on this SecretSync too") || !strings.Contains(ready.Message, "by operator tools/a") {
			t.Errorf("in the conflict: %+v", ready)
		}
		if got := e.value(t); got != "of version-1" {
			t.Errorf("the poll leaves the value of the other: %q", got)
		}
		told := strings.Contains(strings.Join(e.sent(), "\n"), v1alpha1.ReasonOperatorConflict)
		if told != (n == 0) {
			t.Errorf("poll %d reports the conflict by an event: %t", n, told)
		}
	}
	writes := e.writes
	e.polled(t)
	if e.writes != writes || e.ready(t).Reason != v1alpha1.ReasonOperatorConflict {
		t.Errorf("a poll after its own writes status %d times: %+v", e.writes-writes, e.ready(t))
	}
	for range 3 {
		e.polled(t)
	}
	if ready := e.ready(t); ready.Status != metav1.ConditionTrue {
		t.Errorf("after the other operator has ended: %+v", ready)
	}
	if events := strings.Join(e.sent(), "\n"); !strings.Contains(events, "Recovered from "+v1alpha1.ReasonOperatorConflict) {
		t.Errorf("the end of the conflict is reported by %s", events)
	}
}

func TestARefreshEndsAnOperatorConflict(t *testing.T) {
	e := operatorA(t)
	for range 2 {
		e.others(t)
		e.polled(t)
	}
	if e.ready(t).Reason != v1alpha1.ReasonOperatorConflict {
		t.Fatalf("there is no conflict: %+v", e.ready(t))
	}
	secretSync := e.now(t)
	secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
	if err := e.server.Update(t.Context(), secretSync); err != nil {
		t.Fatal(err)
	}
	e.settle(t)
	if ready := e.ready(t); ready.Status != metav1.ConditionTrue || e.now(t).Status.LastHandledRefresh != "now" {
		t.Errorf("after a refresh: %+v", ready)
	}
}

// TestRepairsInAnOperatorConflictWaitForThePoll: otherwise two operators would undo each other as fast as they can.
func TestRepairsInAnOperatorConflictWaitForThePoll(t *testing.T) {
	e := operatorA(t)
	for range 2 {
		e.others(t)
		e.polled(t)
	}
	secret := e.secret(t, "db")
	secret.Data = map[string][]byte{"value": []byte("of version-b")}
	if err := e.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	asked := e.aws.asked
	if result := e.turn(t); result.RequeueAfter < time.Minute || e.value(t) != "of version-b" || e.aws.asked != asked {
		t.Errorf("the Secret is repaired at once, or in %s: %q", result.RequeueAfter, e.value(t))
	}
	e.polled(t)
	if got := e.value(t); got != "of version-1" {
		t.Errorf("after the poll: %q", got)
	}
}

// TestReplicasAndOldStatusesAreNoRivals, nor is a status of a version that did not name its operator.
func TestReplicasAndOldStatusesAreNoRivals(t *testing.T) {
	for _, by := range []string{"tools/a", ""} {
		e := operatorA(t)
		for range 4 {
			e.others(t)
			secretSync := e.now(t)
			secretSync.Status.Operator = by
			if err := e.server.Status().Update(t.Context(), secretSync); err != nil {
				t.Fatal(err)
			}
			e.polled(t)
			if ready := e.ready(t); ready.Status != metav1.ConditionTrue {
				t.Errorf("a status by %q: %+v", by, ready)
			}
		}
	}
}

// TestAnotherOperatorWritesNoStatusForItsName: an operator that takes the place of another costs no write.
func TestAnotherOperatorWritesNoStatusForItsName(t *testing.T) {
	e := operatorA(t)
	e.options.Operator, e.states = "tools/c", newStates(e.clock.Now)
	writes := e.writes
	e.states.of(here, "uid")
	e.settle(t)
	e.polled(t)
	if e.writes != writes || e.now(t).Status.Operator != "tools/a" {
		t.Errorf("%d writes; status is by operator %q", e.writes-writes, e.now(t).Status.Operator)
	}
}

// TestAnOperatorThatIsRefusedWhatAnotherReadsIsARival, and its status has both: the conflict, and why it is refused.
func TestAnOperatorThatIsRefusedWhatAnotherReadsIsARival(t *testing.T) {
	e := operatorA(t)
	e.aws.refusal = &source.Error{Kind: source.AccessDenied, Explanation: "no policy allows it"}
	e.polled(t)
	if got := e.ready(t); got.Reason != v1alpha1.ReasonAccessDenied {
		t.Fatalf("without another operator: %+v", got)
	}
	for range 2 {
		e.others(t)
		e.polled(t)
	}
	if ready := e.ready(t); ready.Reason != v1alpha1.ReasonOperatorConflict || !strings.Contains(ready.Message, "no policy allows it") {
		t.Errorf("the other operator may read: %+v", ready)
	}
}
