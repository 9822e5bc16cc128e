package secretsync

import (
	"context"
	"errors"
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
	"github.com/secretsync/secretsync/controllers/target"
)

// late is a pass that has made the Secret, and whose report was put off.
func late(t *testing.T) (*desk, *pass) {
	t.Helper()
	p := written("", "version-1")
	p.applied = &target.Result{Outcome: target.Created, UID: "secret", ResourceVersion: "7"}
	d := newDesk(t, p.before.DeepCopy())
	p.memory = d.memories.of(here, "uid")
	return d, p
}

// TestWhenALateReportComes: at once, but for one that is part of a burst and that no user waits for.
func TestWhenALateReportComes(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*desk, *pass, *v1alpha1.SecretSync)
		waits  bool
	}{
		"within a burst":                     {func(*desk, *pass, *v1alpha1.SecretSync) {}, true},
		"after a burst":                      {func(d *desk, _ *pass, _ *v1alpha1.SecretSync) { d.lastOfBurst.set(noon.Add(-burstLull)) }, false},
		"of no burst":                        {func(_ *desk, p *pass, _ *v1alpha1.SecretSync) { p.burst = time.Time{} }, false},
		"within a burst, the spec is edited": {func(_ *desk, _ *pass, secretSync *v1alpha1.SecretSync) { secretSync.Generation++ }, false},
		"within a burst, a refresh is asked for": {func(_ *desk, _ *pass, secretSync *v1alpha1.SecretSync) {
			secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
		}, false},
		"within a burst, the process stops": {func(d *desk, _ *pass, _ *v1alpha1.SecretSync) { d.memories.allUnreported() }, false},
	} {
		for range 10 { // The wait is drawn by lot.
			d, p := late(t)
			p.burst, p.trigger = noon, triggerPoll
			d.lastOfBurst.set(noon)
			secretSync := p.sync.DeepCopy()
			test.change(d, p, secretSync)
			turn, err := d.reportLate(t.Context(), secretSync, p)
			if err != nil || turn.RequeueAfter == 0 || *turn.Priority != priorityReport {
				t.Fatalf("%s: the next turn comes after %s (%v)", name, turn.RequeueAfter, err)
			}
			if waits := turn.RequeueAfter >= burstWait && turn.RequeueAfter <= burstWait*3/2; waits != test.waits || !waits && turn.RequeueAfter > cacheLag {
				t.Errorf("%s: the next turn comes after %s", name, turn.RequeueAfter)
			}
			if kept := p.memory.unreported == p; kept != test.waits || (d.writes > 0) == test.waits {
				t.Errorf("%s: kept: %t, %d writes of status", name, kept, d.writes)
			}
		}
	}
}

// TestALateReportThatFailsIsTriedAgain: the queue does so after an error. What a pass had to say is kept, and nothing is of
// a pass that has nothing to say.
func TestALateReportThatFailsIsTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		kept bool
	}{
		"a pass that went well":                 {nil, true},
		"a pass with a failure that is told of": {&target.Error{Reason: v1alpha1.ReasonTargetForbidden, Message: "no Role"}, true},
		"a pass with an error that is not":      {errAway, false},
	} {
		d, p := late(t)
		p.err, d.refuses = test.err, true
		if _, err := d.reportLate(t.Context(), p.sync, p); err == nil {
			t.Errorf("%s: there is no error", name)
		}
		if kept := d.memories.takeUnreported(p.memory) == p; kept != test.kept {
			t.Errorf("%s: its report is kept: %t", name, kept)
		}
	}
}

// TestAReportDoesNotHoldUpTheStop for longer than it may, nor does it end with the pass.
func TestAReportDoesNotHoldUpTheStop(t *testing.T) {
	for name, report := range map[string]func(*desk, context.Context, *pass) error{
		"after a pass": func(d *desk, ctx context.Context, p *pass) error {
			_, err := d.reportWritten(ctx, p)
			return err
		},
		"at the stop": func(d *desk, ctx context.Context, p *pass) error {
			d.putReportOff(p)
			return d.Start(ctx)
		},
	} {
		synctest.Test(t, func(t *testing.T) { // Time passes only where everything waits.
			d, p := late(t)
			began, reports := time.Now(), 0
			d.Client = interceptor.NewClient(d.Client.(client.WithWatch), interceptor.Funcs{
				SubResourcePatch: func(ctx context.Context, _ client.Client, _ string, _ client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
					reports++
					<-ctx.Done() // The API server does not answer.
					return ctx.Err()
				},
			})
			stopped, stop := context.WithCancel(t.Context())
			stop()
			err := report(d, stopped, p)
			if took := time.Since(began); took != flushWithin || reports != 1 {
				t.Errorf("%s: a report that is not answered takes %s (%v), %d were tried", name, took, err, reports)
			}
		})
	}
}

// TestTheStopSaysWhatItCouldNotReport, and nothing where there is nothing to say. A Secret is awaited no more.
func TestTheStopSaysWhatItCouldNotReport(t *testing.T) {
	for name, refuses := range map[string]bool{"the API server answers": false, "it does not": true} {
		d, p := late(t)
		var said strings.Builder
		log := funcr.New(func(_, line string) { said.WriteString(line) }, funcr.Options{})
		d.refuses = refuses
		ended := false
		d.awaits.begin(types.NamespacedName{Name: "other"}, &await{secret: "db", end: func() { ended = true }})
		d.putReportOff(p)
		stopped, stop := context.WithCancel(logr.NewContext(t.Context(), log))
		stop()
		if err := d.Start(stopped); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(said.String(), "before the stop"); !ended || told != refuses || told && !strings.Contains(said.String(), "etcd is away") {
			t.Errorf("%s: the Secret is awaited still: %t, the log says %s", name, !ended, said.String())
		}
		if left := d.memories.allUnreported(); len(left) != 0 {
			t.Errorf("%s: %d reports are left for a second stop", name, len(left))
		}
	}
}

// TestWhatAPassHasInHandIsNotReportedBesideIt: its memory is for one at a time.
func TestWhatAPassHasInHandIsNotReportedBesideIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := late(t)
		other := written("", "version-1")
		other.applied = p.applied
		other.sync.Name, other.before.Name = "other", "other"
		other.memory = d.memories.of(types.NamespacedName{Namespace: here.Namespace, Name: "other"}, "uid")
		d.putReportOff(p)
		d.putReportOff(other)
		d.passes.begin(here, noon) // It never ends.
		var reported []string
		d.Client = interceptor.NewClient(d.Client.(client.WithWatch), interceptor.Funcs{
			SubResourcePatch: func(_ context.Context, _ client.Client, _ string, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
				reported = append(reported, object.GetName())
				return errors.New("too late")
			},
		})
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if err := d.Start(stopped); err != nil || len(reported) != 1 || reported[0] != "other" {
			t.Errorf("reported are %q (%v)", reported, err)
		}
	})
}

// TestAFewReportsASecondFollowAtOnce, also after a burst.
func TestAFewReportsASecondFollowAtOnce(t *testing.T) {
	d := newDesk(t)
	prompt := func() (count int) {
		for range 10 * promptReports {
			switch wait := d.reportAfter(&pass{trigger: triggerPoll}); {
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
	d.clock.SetTime(noon.Add(time.Second))
	if next := prompt(); next != promptPerSecond {
		t.Errorf("%d follow at once a second later", next)
	}
}
