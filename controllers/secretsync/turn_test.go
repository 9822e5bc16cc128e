package secretsync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func TestAConflictIsLookedAtAgain(t *testing.T) {
	secretSync, app := merging()
	w := newEnvironment(t, secretSync, app)
	w.conflicts = 1
	if result := w.turn(t); result.RequeueAfter == 0 {
		t.Fatal("after a conflict no reconcile follows")
	}
	w.settle(t)
	if string(w.secret(t, "app").Data["value"]) != "of version-1" {
		t.Error("the key is not there")
	}
}

// A spec edit comes with the turn that reports the pass before it.
func TestAnEditDuringALateReportIsNotLeftForThePoll(t *testing.T) {
	w := newEnvironment(t, fresh())
	w.turn(t) // Writes the Secret, and puts the report off.
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "renamed"}} })
	if result := w.turn(t); result.RequeueAfter > firstLagWait {
		t.Fatalf("the edit waits for %s", result.RequeueAfter)
	}
	w.settle(t)
	if data := w.secret(t, "db").Data; len(data) != 1 || data["renamed"] == nil {
		t.Errorf("%d keys", len(data))
	}
}

// The event of a write is not lost with the status that could not be written.
func TestAnEventWaitsForItsStatus(t *testing.T) {
	secretSync, app := merging()
	w := newEnvironment(t, secretSync, app)
	w.settle(t)
	w.sent()
	w.aws.version = "version-2"
	w.clock.SetTime(noon.Add(10 * time.Minute))
	w.refuses = true
	if _, err := w.Reconcile(t.Context(), reconcile.Request{NamespacedName: here}); err == nil || len(w.sent()) > 0 {
		t.Fatalf("with a status that was not written: %v", err)
	}
	kept := w.deferred.byName[here]
	if kept == nil {
		t.Fatal("the report is lost")
	}
	if kept.outcome.Set.Inputs[0].Fetched.Value.Bytes() != nil {
		t.Error("the report keeps values")
	}
	w.refuses = false
	w.settle(t)
	if sent := w.sent(); len(sent) != 1 || !strings.Contains(sent[0], "from version version-1 to version-2") {
		t.Errorf("events: %q", sent)
	}
}

// What was written is reported though the process has been told to stop.
func TestAStopDoesNotLoseAReport(t *testing.T) {
	secretSync, app := merging()
	w := newEnvironment(t, secretSync, app)
	w.onWrite = func(stop context.CancelFunc) { stop() }
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	if _, err := w.Reconcile(ctx, reconcile.Request{NamespacedName: here}); err != nil || ctx.Err() == nil {
		t.Fatalf("%v, stopped %v", err, ctx.Err())
	}
	if w.now(t).Status.Secret == nil {
		t.Error("status does not know the Secret")
	}
}

func TestARefreshIsHandledWhenTheSecretHasTheVersion(t *testing.T) {
	w := newEnvironment(t, fresh())
	w.settle(t)
	request := func(token string) {
		secretSync := w.now(t)
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: token}
		if err := w.server.Update(t.Context(), secretSync); err != nil {
			t.Fatal(err)
		}
	}
	request("one")
	w.aws.version = "version-2"
	w.refusal["db"] = forbidden("db")
	w.settle(t)
	if w.now(t).Status.LastHandledRefresh == "one" {
		t.Error("a refresh is echoed though the Secret has the former version")
	}
	delete(w.refusal, "db")
	w.clock.SetTime(noon.Add(time.Second))
	w.settle(t)
	if got := w.now(t).Status; got.LastHandledRefresh != "one" || got.Sources[0].VersionID != "version-2" {
		t.Errorf("echo %q", got.LastHandledRefresh)
	}
	w.aws.refusal = &source.Error{Kind: source.AccessDenied, Explanation: "denied"}
	request("two")
	w.settle(t)
	if got := w.now(t).Status.LastHandledRefresh; got != "two" {
		t.Errorf("a refusal that only an edit ends is echoed as %q", got)
	}
}

// A refresh that is asked for while the Secret is gone finds the version unchanged, and makes the Secret.
func TestARefreshDoesNotHideAnEdit(t *testing.T) {
	w := newEnvironment(t, fresh())
	w.settle(t)
	if err := w.server.Delete(t.Context(), w.secret(t, "db")); err != nil {
		t.Fatal(err)
	}
	secretSync := w.now(t)
	secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
	if err := w.server.Update(t.Context(), secretSync); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if w.secret(t, "db") == nil {
		t.Error("the Secret is gone still")
	}
}

func TestAnInSyncObjectCostsNothing(t *testing.T) {
	w := newEnvironment(t, fresh())
	w.settle(t)
	writes, version := w.writes, w.now(t).ResourceVersion
	for i := range 20 {
		w.clock.SetTime(noon.Add(time.Duration(i) * 7 * time.Minute))
		w.turn(t)
	}
	if w.writes != writes || w.now(t).ResourceVersion != version || w.aws.fetched != 1 {
		t.Errorf("%d writes of status, %d reads of the value", w.writes-writes, w.aws.fetched)
	}
	w.Controller = New(w.options) // A restart.
	w.settle(t)
	if w.writes != writes || w.aws.fetched != 1 {
		t.Errorf("after a restart: %d writes of status, %d reads of the value", w.writes-writes, w.aws.fetched)
	}
}

func TestARaceIsToldOnlyWhenItDoesNotEnd(t *testing.T) {
	w := newEnvironment(t, fresh())
	w.refusal["db"] = apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "db", errors.New("changed"))
	for range maxRaces {
		if result := w.turn(t); result.RequeueAfter != firstLagWait || w.writes > 0 {
			t.Fatalf("looked at after %s, %d writes of status", result.RequeueAfter, w.writes)
		}
	}
	w.turn(t)
	if trouble := w.now(t).FailureReason(); trouble != v1alpha1.ReasonTargetFailed {
		t.Errorf("after %d races status tells of %q", maxRaces+1, trouble)
	}
}
