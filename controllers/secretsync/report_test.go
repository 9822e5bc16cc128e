package secretsync

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// written is a pass over a SecretSync that held the former version, or none, and has fetched another.
func written(former, fetched string) *pass {
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", UID: "uid", Generation: 1}}
	secretSync.Spec.Source.SecretID = "db"
	if former != "" {
		secretSync.Status.ObservedGeneration = 1
		secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "secret", Generation: 1, Keys: []string{"a", "b"}}
		secretSync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionStage: "AWSCURRENT", VersionID: former}}
	}
	p := &pass{sync: secretSync, before: secretSync.DeepCopy(), memory: &memory{}, trigger: triggerPoll, observed: true, keys: []string{"a", "b"}}
	one := &input{ref: source.Ref{SecretID: "db", VersionStage: "AWSCURRENT"}}
	one.observation.Version = source.Version{ARN: "arn", ID: fetched}
	one.fetched.Version = one.observation.Version
	p.inputs = []*input{one}
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Keys: []string{"a", "b"}, Generation: 1}
	return p
}

// desk is a controller whose API server holds one SecretSync, and may refuse to write its status.
type desk struct {
	*Controller
	refuses bool
	writes  int
	events  *events.FakeRecorder
	clock   *clocktesting.FakePassiveClock
}

func newDesk(t *testing.T, objects ...client.Object) *desk {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{events: events.NewFakeRecorder(10), clock: clocktesting.NewFakePassiveClock(noon)}
	server := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.SecretSync{}).
		WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, part string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			if d.refuses {
				return errors.New("etcd is away")
			}
			d.writes++
			return c.SubResource(part).Patch(ctx, object, patch, options...)
		}}).Build()
	d.Controller = New(Options{Client: server, Events: d.events, Metrics: metrics, PollInterval: time.Minute, Clock: d.clock})
	return d
}

func (d *desk) sent() (all []string) {
	for {
		select {
		case one := <-d.events.Events:
			all = append(all, one)
		default:
			return all
		}
	}
}

func TestEventsFollowTheStatusAndNeverGoBeforeIt(t *testing.T) {
	p := written("version-1", "version-2")
	p.applied = &target.Result{Outcome: target.Updated, UID: "secret", ResourceVersion: "7"}
	d := newDesk(t, p.before.DeepCopy())
	d.refuses = true
	if _, err := d.report(t.Context(), p); err == nil || len(d.sent()) != 0 {
		t.Errorf("with a status that was not written: %v", err)
	}
	d.refuses = false
	if _, err := d.report(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if sent := d.sent(); len(sent) != 1 || !strings.Contains(sent[0], eventUpdated) {
		t.Errorf("events: %v", sent)
	}
}

func TestAStatusThatIsTheSameIsNotWritten(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	if _, err := d.report(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	first := d.writes
	again := &pass{sync: p.sync.DeepCopy(), before: p.sync.DeepCopy(), memory: p.memory, trigger: triggerPoll, observed: true, inputs: p.inputs}
	d.clock.SetTime(noon.Add(time.Hour))
	if _, err := d.report(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if first != 1 || d.writes != 1 || len(d.sent()) != 0 {
		t.Errorf("%d writes, then %d", first, d.writes)
	}
}

func TestAStopReportsWhatWasPutOff(t *testing.T) {
	p := written("", "version-1")
	p.applied = &target.Result{Outcome: target.Created, UID: "secret", ResourceVersion: "7"}
	p.data = map[string][]byte{"a": []byte("hunter2")}
	value := source.TextValue("hunter2")
	p.inputs[0].fetched.Value, p.inputs[0].observation.Value = value, &value
	d := newDesk(t, p.before.DeepCopy())
	p.memory = d.memories.of(here, "uid")
	if !d.putReportOff(p) {
		t.Fatal("the report was not put off")
	}
	if p.data != nil || p.inputs[0].observation.Value != nil || p.inputs[0].fetched.Value.Bytes() != nil {
		t.Error("a value is kept while the report waits")
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := d.Start(stopped); err != nil {
		t.Fatal(err)
	}
	if sent := d.sent(); d.writes != 1 || len(sent) != 1 || !strings.Contains(sent[0], eventCreated) {
		t.Errorf("%d writes, events %v", d.writes, sent)
	}
	if d.putReportOff(p) {
		t.Error("a report was put off that nobody would come back to")
	}
}

func TestWhatIsReportedAtOnce(t *testing.T) {
	d := newDesk(t)
	for name, change := range map[string]func(*pass){
		"a failure":       func(p *pass) { p.err = errors.New("x") },
		"nothing written": func(p *pass) { p.applied = nil },
		"nothing changed": func(p *pass) { p.applied.Outcome = target.Unchanged },
		"keys merged in":  func(p *pass) { p.sync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge },
	} {
		p := written("version-1", "version-2")
		p.applied = &target.Result{Outcome: target.Updated}
		change(p)
		if d.putReportOff(p) {
			t.Errorf("%s: the report was put off", name)
		}
	}
}

func TestReportsOfABurstOfPollsComeAfterItsSecrets(t *testing.T) {
	d := newDesk(t)
	after := func(by trigger) time.Duration { return d.reportAfter(&pass{trigger: by}) }
	for range promptReports {
		if wait := after(triggerPoll); wait != 0 {
			t.Fatalf("one of a few waits %s", wait)
		}
	}
	if wait := after(triggerPoll); wait < burstWait || wait > 2*burstWait {
		t.Errorf("one of many waits %s", wait)
	}
	one := &pass{trigger: triggerPoll}
	d.reportAfter(one)
	if prompt := (&pass{}); !d.bursting(one) || d.bursting(prompt) {
		t.Error("a burst ends as it begins, or holds up reports of others")
	}
	d.clock.SetTime(noon.Add(burstLull))
	if d.bursting(one) {
		t.Error("a burst goes on though no more Secrets are written")
	}
	d.clock.SetTime(noon.Add(burstMost))
	d.reportAfter(&pass{trigger: triggerPoll})
	for range 2 * promptReports {
		d.reportAfter(&pass{trigger: triggerPoll})
	}
	if d.bursting(one) {
		t.Errorf("a report waits for more than %s", burstMost)
	}
	if wait := after(triggerSpec); wait != 0 {
		t.Errorf("what goes before reports in the queue anyway makes one wait %s", wait)
	}
	d.clock.SetTime(noon.Add(time.Minute))
	if wait := after(triggerPoll); wait != 0 {
		t.Errorf("long after the burst one waits %s", wait)
	}
}

// rules are those of kstatus and our own that hold for every status, whatever happened.
func rules(secretSync *v1alpha1.SecretSync) (broken []string) {
	status := func(kind string) metav1.ConditionStatus {
		if found := meta.FindStatusCondition(secretSync.Status.Conditions, kind); found != nil {
			return found.Status
		}
		return ""
	}
	ready, reconciling, stalled := status(v1alpha1.ConditionReady), status(v1alpha1.ConditionReconciling), status(v1alpha1.ConditionStalled)
	for rule, holds := range map[string]bool{
		"Ready is there": ready != "",
		"Reconciling and Stalled are True or not there": slices.Contains([]metav1.ConditionStatus{"", "True"}, reconciling) && slices.Contains([]metav1.ConditionStatus{"", "True"}, stalled),
		"Ready is not True while Stalled":               ready != "True" || stalled == "",
		"never Reconciling and Stalled":                 reconciling == "" || stalled == "",
		"observedGeneration is not ahead of generation": secretSync.Status.ObservedGeneration <= secretSync.Generation,
		"every condition has a reason, a time, a message": !slices.ContainsFunc(secretSync.Status.Conditions, func(c metav1.Condition) bool {
			return c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero()
		}),
	} {
		if !holds {
			broken = append(broken, rule)
		}
	}
	return broken
}

func TestEveryStatusKeepsTheRules(t *testing.T) {
	for name, f := range map[string]*failure{
		"no failure":            nil,
		"one that an edit ends": {reason: v1alpha1.ReasonAccessDenied, message: "denied", heals: byEdit},
		"one that time ends":    {reason: v1alpha1.ReasonRegionUnavailable, message: "slowly", heals: byTime},
		"a fight":               contested("db", []string{"kubectl"}, time.Minute),
	} {
		for _, former := range []string{"", "version-1"} {
			for _, suspended := range []bool{false, true} {
				p := written(former, "version-1")
				d := newDesk(t, p.before.DeepCopy())
				p.sync.Spec.Suspend = suspended && f == nil
				p.sync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionID: "version-1"}}
				if f != nil {
					p.err, p.observed = f, false
				}
				if _, err := d.report(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				for _, rule := range rules(p.sync) {
					t.Errorf("%s, former version %q, suspended %v: broken: %s", name, former, suspended, rule)
				}
			}
		}
	}
}

// Throttling that is over by the next try costs no request, and is not told of; lasting one is.
func TestThrottlingIsReportedOnceItLasts(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	p.err, p.observed = &failure{reason: v1alpha1.ReasonThrottled, message: "slowly", heals: byTime}, false
	for try := range throttledUnsaid {
		if result, err := d.report(t.Context(), p); err != nil || result.RequeueAfter > 2*time.Second || d.writes != 0 {
			t.Fatalf("try %d: %d writes, next try after %s, error %v", try, d.writes, result.RequeueAfter, err)
		}
		d.clock.SetTime(p.memory.nextLook.get())
	}
	if _, err := d.report(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	told := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionReconciling)
	if d.writes != 1 || told == nil || told.Reason != v1alpha1.ReasonThrottled {
		t.Errorf("%d writes, Reconciling is %v", d.writes, told)
	}
}

// A Secret that is still good stays Ready while AWS does not answer, but not for ever.
func TestReadyLastsWhileTheValueIsFresh(t *testing.T) {
	p := written("version-1", "version-1")
	p.sync.Status.Secret.Generation = 1
	d := newDesk(t, p.before.DeepCopy())
	outage := &failure{reason: v1alpha1.ReasonRegionUnavailable, message: "away", heals: byTime}
	fail := func() metav1.ConditionStatus {
		again := &pass{sync: p.sync, before: p.sync.DeepCopy(), memory: p.memory, trigger: triggerPoll, inputs: p.inputs, err: outage}
		again.sync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionID: "version-1"}}
		if _, err := d.report(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		return meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionReady).Status
	}
	if got := fail(); got != metav1.ConditionTrue {
		t.Errorf("at once Ready is %s", got)
	}
	d.clock.SetTime(noon.Add(freshLeast - time.Second))
	if got := fail(); got != metav1.ConditionTrue {
		t.Errorf("after less than %s Ready is %s", freshLeast, got)
	}
	d.clock.SetTime(noon.Add(freshLeast))
	if got := fail(); got != metav1.ConditionFalse {
		t.Errorf("after %s Ready is %s", freshLeast, got)
	}
}

// Trouble that time heals is tried again soon, however long something else was wrong before.
func TestWaitsBeginAnewWithAnotherTrouble(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	refused := &failure{reason: v1alpha1.ReasonSecretNotFound, message: "gone", heals: byEdit}
	for range 50 {
		d.plan(p, refused)
	}
	d.plan(p, &failure{reason: v1alpha1.ReasonRegionUnavailable, message: "away", heals: byTime})
	if wait := p.memory.nextLook.get().Sub(noon); wait > retryFirst {
		t.Errorf("the first try after an outage began comes in %s, want %s at most", wait, retryFirst)
	}
}

// What AWS has refused is not ready again only because AWS does not answer now.
func TestTroubleMakesNothingReady(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	for _, f := range []*failure{
		{reason: v1alpha1.ReasonSecretNotFound, message: "gone", heals: byEdit},
		{reason: v1alpha1.ReasonRegionUnavailable, message: "away", heals: byTime},
		{reason: v1alpha1.ReasonRegionUnavailable, message: "away", heals: byTime},
	} {
		again := &pass{sync: p.sync, before: p.sync.DeepCopy(), memory: p.memory, trigger: triggerPoll, inputs: p.inputs, err: f}
		again.sync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionID: "version-1"}}
		if _, err := d.report(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		ready := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionReady)
		if ready.Status != metav1.ConditionFalse || ready.Reason != f.reason {
			t.Errorf("after %s Ready is %s for %s", f.reason, ready.Status, ready.Reason)
		}
	}
}

func TestAFightIsNoticedAndEnds(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	p.trigger = triggerDrift
	p.memory.intruders = []string{"other-controller"}
	for range fightRepairs {
		if err := d.hold(t.Context(), p); err != nil {
			t.Fatalf("a repair was put off: %v", err)
		}
		p.memory.repairs = append(p.memory.repairs, d.clock.Now())
	}
	err := d.hold(t.Context(), p)
	if f := explain(err); f == nil || f.reason != v1alpha1.ReasonTargetConflict || !strings.Contains(f.message, "other-controller") {
		t.Fatalf("five repairs within a minute: %v", err)
	}
	d.clock.SetTime(d.clock.Now().Add(truceFirst / 4))
	if d.hold(t.Context(), p) == nil {
		t.Error("the truce is not kept")
	}
	d.clock.SetTime(d.clock.Now().Add(truceFirst))
	if err := d.hold(t.Context(), p); err != nil {
		t.Errorf("after the truce: %v", err)
	}
	p.trigger = triggerPoll
	if err := d.hold(t.Context(), p); err != nil {
		t.Errorf("a poll is held: %v", err)
	}
}

func TestTheQueueIsStuckOnlyWhenNothingMoves(t *testing.T) {
	d := newDesk(t)
	waiting := &d.memories.of(here, "uid").nextLook
	for name, test := range map[string]struct {
		overdue, idle time.Duration
		stuck         bool
	}{
		"nothing is due":               {-time.Hour, time.Hour, false},
		"overdue, and passes end":      {time.Hour, time.Second, false},
		"a little overdue":             {time.Minute, time.Hour, false},
		"overdue, and no passes ended": {stuckAfter, stuckAfter, true},
	} {
		waiting.set(noon.Add(-test.overdue))
		d.lastPass.set(noon.Add(-test.idle))
		if err := d.Check(nil); (err != nil) != test.stuck {
			t.Errorf("%s: %v", name, err)
		}
	}
}
