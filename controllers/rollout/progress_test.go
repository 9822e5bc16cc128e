package rollout

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// records are managed fields whose field managers made their latest changes at these times after noon.
func records(status, restart, other time.Duration) []metav1.ManagedFieldsEntry {
	at := func(after time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(after)} }
	return []metav1.ManagedFieldsEntry{
		{Manager: "kube-controller-manager", Subresource: "status", Time: at(status)},
		{Manager: fieldManager, Time: at(restart)}, {Manager: "kubectl", Time: at(other)}, {Manager: "no-time"},
	}
}

// TestARestartWithoutProgressFails, for the kinds without a limit in Kubernetes. The time counts from the last change,
// not from the restart.
func TestARestartWithoutProgressFails(t *testing.T) {
	argo := func(spec map[string]any) *workload {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		u.SetManagedFields(records(0, 0, 0))
		return rollout(u, nil)
	}
	set := func(restarted, changed, other time.Duration) *workload {
		return statefulSet(&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "queue", Generation: 1, ManagedFields: records(changed, restarted, other)},
			Spec: appsv1.StatefulSetSpec{Replicas: new(int32)}, Status: appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 2, ReadyReplicas: 1,
				CurrentReplicas: 1, UpdatedReplicas: -1, CurrentRevision: "a", UpdateRevision: "b"}})
	}
	daemon := daemonSet(&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Generation: 1, ManagedFields: records(0, 0, 0)},
		Status: appsv1.DaemonSetStatus{ObservedGeneration: 1, DesiredNumberScheduled: 2, UpdatedNumberScheduled: 1, NumberAvailable: 1, NumberUnavailable: 1}})
	unrecorded := set(0, 0, 0)
	unrecorded.object.SetManagedFields(nil)
	done := daemonSet(&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Generation: 1, ManagedFields: records(0, 0, 0)}, Status: appsv1.DaemonSetStatus{ObservedGeneration: 1}})
	patient := deployment(web("web"))
	patient.object.SetManagedFields(records(0, 0, 0))
	patient.latest = outcome{state: RollingOut}
	for name, test := range map[string]struct {
		workload *workload
		after    time.Duration
		want     State
		says     string
	}{
		"a StatefulSet before its time":          {set(0, 0, 0), progressDeadline - time.Second, RollingOut, "not Ready"},
		"a StatefulSet at its time":              {set(0, 0, 0), progressDeadline, Failed, "it made no progress for 10m: "},
		"it says which pod":                      {set(0, 0, 0), progressDeadline, Failed, "delete pod queue-1"},
		"its status changed later":               {set(0, time.Minute, 0), progressDeadline, RollingOut, ""},
		"it was restarted later":                 {set(time.Minute, 0, 0), progressDeadline, RollingOut, ""},
		"another has written it later":           {set(0, 0, time.Minute), progressDeadline, Failed, ""},
		"nothing is recorded":                    {unrecorded, 24 * time.Hour, RollingOut, ""},
		"a DaemonSet":                            {daemon, progressDeadline, Failed, "1 of 2 pods are new, and pods that are not available: 1: look at its new pods"},
		"one that is done":                       {done, 24 * time.Hour, Done, ""},
		"a Deployment is judged by Kubernetes":   {patient, 24 * time.Hour, RollingOut, ""},
		"an Argo Rollout":                        {argo(map[string]any{"restartAt": noon.Format(time.RFC3339)}), progressDeadline, Failed, "are evicted"},
		"an Argo Rollout with a limit, before":   {argo(map[string]any{"restartAt": noon.Format(time.RFC3339), "progressDeadlineSeconds": int64(90)}), 89 * time.Second, RollingOut, ""},
		"an Argo Rollout with a limit, after it": {argo(map[string]any{"restartAt": noon.Format(time.RFC3339), "progressDeadlineSeconds": int64(90)}), 90 * time.Second, Failed, "no progress for 1m30s"},
	} {
		got := test.workload.judged(noon.Add(test.after))
		if got.state != test.want || !strings.Contains(got.message, test.says) {
			t.Errorf("%s: %+v, want %s with %q", name, got, test.want, test.says)
		}
	}
}

// queue is a StatefulSet of two pods that has rolled out.
func queue(name string, secrets ...string) *appsv1.StatefulSet {
	two := int32(2)
	return &appsv1.StatefulSet{ObjectMeta: former(name), Spec: appsv1.StatefulSetSpec{Replicas: &two, Template: pod(secrets...)},
		Status: appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 2, ReadyReplicas: 2, CurrentReplicas: 2, UpdatedReplicas: 2, CurrentRevision: "a", UpdateRevision: "a"}}
}

// moveSet changes a StatefulSet's status as its controller does, at the Restarter's time.
func (f *fixture) moveSet(name string, change func(*appsv1.StatefulSetStatus)) {
	f.Helper()
	found := &appsv1.StatefulSet{}
	if err := f.client.Get(f.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found); err != nil {
		f.Fatal(err)
	}
	change(&found.Status)
	found.Status.ObservedGeneration = found.Generation
	f.moved[name] = f.clock.Now().Sub(noon)
	if err := f.client.Status().Update(f.Context(), found); err != nil {
		f.Fatal(err)
	}
}

// TestAFailedStatefulSetStopsTheRest: as a Deployment does.
func TestAFailedStatefulSetStopsTheRest(t *testing.T) {
	f := newFixture(t, queue("queue", "db"), queue("zeta", "db"))
	change := changed("db", "v2")
	change.Policy.MaxConcurrent = new(int32(1))
	f.at(0, change)
	f.expect("the first", f.at(QuietPeriod, change).Restarted, []string{"StatefulSet queue"})
	f.moveSet("queue", func(s *appsv1.StatefulSetStatus) {
		s.UpdatedReplicas, s.CurrentReplicas, s.ReadyReplicas, s.UpdateRevision = 1, 1, 1, "b"
	})
	progress := f.at(progressDeadline, change)
	f.expect("it is waited for", states(progress), map[string]State{"queue": RollingOut, "zeta": Waiting})
	if !strings.Contains(progress.Message, "StatefulSet queue: 1 of 2 pods are new, new pod queue-1 is not Ready") {
		t.Errorf("the message is %q", progress.Message)
	}
	progress = f.at(progressDeadline+QuietPeriod, change)
	f.expect("it has failed", states(progress), map[string]State{"queue": Failed, "zeta": Waiting})
	f.expect("the sum", progress.State, Failed)
}

// TestAGoodRevisionDoesNotWaitForABadOne: what is under way is the operator's own restart for the revision before.
func TestAGoodRevisionDoesNotWaitForABadOne(t *testing.T) {
	f := newFixture(t, web("web", "db"), queue("queue", "db"))
	bad := changed("db", "v2")
	bad.Handled = "v1"
	f.at(0, bad)
	f.expect("for the bad one", f.at(QuietPeriod, bad).Restarted, []string{"Deployment web", "StatefulSet queue"})
	f.move("web", begin)
	f.moveSet("queue", func(s *appsv1.StatefulSetStatus) {
		s.UpdatedReplicas, s.CurrentReplicas, s.ReadyReplicas, s.UpdateRevision = 1, 1, 1, "b"
	})
	f.step(bad)
	for name, handled := range map[string]string{"none was restarted": "v1", "some were": ""} {
		good := changed("db", "v3 "+name)
		good.Handled, good.Changed = handled, noon.Add(25*time.Second)
		f.at(25*time.Second, good)
		f.expect("for the good one, where "+name, f.at(25*time.Second+QuietPeriod, good).Restarted, []string{"Deployment web", "StatefulSet queue"})
		f.moveSet("queue", func(s *appsv1.StatefulSetStatus) { s.UpdatedReplicas, s.UpdateRevision = 0, "c" })
		f.move("web", begin)
		if got := f.step(good).Workloads[1].Message; !strings.Contains(got, "delete pod queue-1") {
			t.Errorf("the StatefulSet's message is %q", got)
		}
	}
}

// TestAForeignRolloutIsWaitedFor: an earlier restart of the operator's that has ended is no reason to interrupt it.
func TestAForeignRolloutIsWaitedFor(t *testing.T) {
	f := newFixture(t, web("web", "db"), web("never", "db"))
	first := changed("db", "v2")
	first.Handled = "v1"
	f.at(0, first)
	f.at(QuietPeriod, first)
	f.move("never", func(d *appsv1.Deployment) { d.Spec.Template.Annotations = nil })
	for _, name := range []string{"web", "never"} {
		f.move(name, begin) // A new image.
	}
	next := changed("db", "v3")
	next.Handled, next.Changed = "v2", noon.Add(time.Hour)
	f.at(time.Hour, next)
	progress := f.at(time.Hour+QuietPeriod, next)
	f.expect("none is restarted", progress.Restarted, []string(nil))
	f.expect("the states", states(progress), map[string]State{"web": Waiting, "never": Waiting})
	if want := "0 of 2 workloads run with it; Deployment never: it waits for its rollout from before the change to end"; progress.Message != want {
		t.Errorf("where all wait the condition says %q, want %q", progress.Message, want)
	}
	f.expect("the sum", progress.State, RollingOut)
}

// TestTheSumCountsNoPodsThatAreLeft: a workload whose pods are only marked does not run with the new content.
func TestTheSumCountsNoPodsThatAreLeft(t *testing.T) {
	set := queue("queue", "db")
	set.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType
	f := newFixture(t, web("web", "db"), set)
	change := changed("db", "v2")
	f.at(0, change)
	f.at(QuietPeriod, change)
	progress := f.step(change)
	f.expect("the sum", progress.State, Done)
	if want := "1 of 2 workloads run with it; StatefulSet queue: its update strategy is OnDelete"; !strings.HasPrefix(progress.Message, want) {
		t.Errorf("the message is %q, want %q", progress.Message, want)
	}
}

// TestTheSumGivesAReason, that of the first workload which has a message.
func TestTheSumGivesAReason(t *testing.T) {
	turns := func(states ...State) (all []*turn) {
		for n, state := range states {
			all = append(all, &turn{workload: deployment(web(fmt.Sprint(n))), outcome: outcome{state: state, message: "because of " + string(state)}})
		}
		return all
	}
	for name, test := range map[string]struct {
		turns []*turn
		want  string
	}{
		"all wait":          {turns(Waiting, Waiting), "Deployment 0: because of Waiting"},
		"one restarts":      {turns(Waiting, RollingOut), "Deployment 1: because of RollingOut"},
		"one is paused":     {turns(Paused, Waiting), "Deployment 1: because of Waiting"},
		"all are paused":    {turns(Done, Paused), "Deployment 1: because of Paused"},
		"one has failed":    {turns(Waiting, RollingOut, Failed), "Deployment 2: because of Failed"},
		"all are up":        {turns(Done, Done), "2 of 2 workloads run with it"},
		"there are no more": {nil, "No workload uses Secret db"},
	} {
		s := &step{change: Change{Secret: "db", Policy: v1alpha1.Rollout{}}, now: noon, turns: test.turns}
		if got := s.progress().Message; !strings.HasSuffix(got, test.want) {
			t.Errorf("%s: %q, want %q at its end", name, got, test.want)
		}
	}
}

// TestAListedDeploymentWhoseTemplateARolloutUses: it exists, but its restart would start a canary.
func TestAListedDeploymentWhoseTemplateARolloutUses(t *testing.T) {
	argo := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"workloadRef": map[string]any{"kind": "Deployment", "name": "lent"}}}}
	argo.SetGroupVersionKind(argoRollouts())
	argo.SetNamespace(namespace)
	argo.SetName("shop")
	f := newFixture(t, web("lent", "db"), web("web", "db"), argo)
	change := changed("db", "v2")
	change.Policy = v1alpha1.Rollout{Restart: v1alpha1.RestartListed, Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Name: "lent"}, {Kind: "Deployment", Name: "web"}}}
	f.at(0, change)
	progress := f.at(QuietPeriod, change)
	f.expect("the others are restarted", progress.Restarted, []string{"Deployment web"})
	if got := progress.Workloads[0]; got.State != string(Failed) || !strings.Contains(got.Message, "list that Rollout") {
		t.Errorf("it is %+v", got)
	}
	if stamps := f.stamps("lent"); len(stamps) > 0 {
		t.Errorf("it was restarted: %v", stamps)
	}
}
