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

	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

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
