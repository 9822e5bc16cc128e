package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const namespace = "payments"

// noon is when the content of Secrets changes.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fixture is a Restarter with workloads that change only when a test changes them.
type fixture struct {
	*testing.T
	*Restarter
	client client.WithWatch
	clock  *clocktesting.FakePassiveClock
	lists  int
	// forbid names the verbs that the API server forbids.
	forbid string
	// moved is when a StatefulSet's status was written last, after noon.
	moved map[string]time.Duration
}

func newFixture(t *testing.T, objects ...client.Object) *fixture {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	scheme.AddKnownTypeWithName(argoRollouts(), &unstructured.Unstructured{})
	scheme.AddKnownTypeWithName(argoRollouts().GroupVersion().WithKind("RolloutList"), &unstructured.UnstructuredList{})
	f := &fixture{T: t, clock: clocktesting.NewFakePassiveClock(noon), moved: map[string]time.Duration{}}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "", fmt.Errorf("it quotes"))
	f.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			f.lists++
			if f.forbid == "list" {
				return forbidden
			}
			err := c.List(ctx, list, options...)
			if sets, ok := list.(*appsv1.StatefulSetList); ok {
				for i := range sets.Items {
					sets.Items[i].ManagedFields = records(f.moved[sets.Items[i].Name], 0, 0)
				}
			}
			return err
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			if f.forbid == "patch" {
				return forbidden
			}
			return c.Patch(ctx, object, patch, options...)
		},
	}).Build()
	f.Restarter = New(Options{Client: f.client, Live: f.client, Clock: f.clock})
	return f
}

// pod uses Secrets.
func pod(secrets ...string) (template corev1.PodTemplateSpec) {
	for _, name := range secrets {
		template.Spec.Containers = append(template.Spec.Containers, corev1.Container{EnvFrom: []corev1.EnvFromSource{allOf(name)}})
	}
	return template
}

// former is of a workload from before noon.
func former(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid of " + name), Generation: 1,
		CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))}
}

// web is a Deployment that has rolled out.
func web(name string, secrets ...string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: former(name), Spec: appsv1.DeploymentSpec{Replicas: new(int32(1)), Template: pod(secrets...)},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1}}
}

// changed is a change at noon of the content of a Secret, whose SecretSync has the same name.
func changed(name, revision string) Change {
	return Change{Namespace: namespace, Name: name, Secret: name, Revision: revision, Changed: noon}
}

func (f *fixture) step(change Change) Progress {
	f.Helper()
	progress, err := f.Step(f.Context(), change)
	if err != nil {
		f.Fatal(err)
	}
	return progress
}

// at takes a step so long after noon.
func (f *fixture) at(after time.Duration, change Change) Progress {
	f.Helper()
	f.clock.SetTime(noon.Add(after))
	return f.step(change)
}

func (f *fixture) deployment(name string) *appsv1.Deployment {
	f.Helper()
	found := &appsv1.Deployment{}
	if err := f.client.Get(f.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found); err != nil {
		f.Fatal(err)
	}
	return found
}

// stamps are the annotations of a Deployment's pod template, by SecretSync.
func (f *fixture) stamps(name string) map[string]string {
	f.Helper()
	all := map[string]string{}
	for key, value := range f.deployment(name).Spec.Template.Annotations {
		all[strings.TrimPrefix(key, stampPrefix)] = value
	}
	return all
}

// move changes a Deployment, as its controller or a user does.
func (f *fixture) move(name string, change func(*appsv1.Deployment)) {
	f.Helper()
	found := f.deployment(name)
	change(found)
	status := found.Status
	if err := f.client.Update(f.Context(), found); err != nil {
		f.Fatal(err)
	}
	found.Status = status
	if err := f.client.Status().Update(f.Context(), found); err != nil {
		f.Fatal(err)
	}
}

// begin shows a Deployment between two templates.
func begin(d *appsv1.Deployment) { d.Status.UpdatedReplicas, d.Status.Replicas = 0, 1 }

func end(d *appsv1.Deployment) { d.Status.UpdatedReplicas, d.Status.AvailableReplicas = 1, 1 }

func fail(d *appsv1.Deployment) {
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}}
}

// states are those of the workloads, by name.
func states(progress Progress) map[string]State {
	all := map[string]State{}
	for _, entry := range progress.Workloads {
		all[entry.Name] = State(entry.State)
	}
	return all
}

func (f *fixture) expect(what string, got, want any) {
	f.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestARestartIsAPatchOfTheTemplate(t *testing.T) {
	f := newFixture(t, web("web", "db"), web("other", "x"))
	before := f.deployment("web")
	progress := f.at(QuietPeriod, changed("db", "v2"))
	if progress.State == Done {
		f.at(QuietPeriod, changed("db", "v2"))
	}
	f.at(2*QuietPeriod, changed("db", "v2"))
	before.Spec.Template.Annotations = map[string]string{"restart.secretsync.dev/db": "v2", "kubectl.kubernetes.io/restartedAt": "2026-03-01T12:00:00Z"}
	f.expect("the pod template", f.deployment("web").Spec, before.Spec)
	f.expect("the other", f.stamps("other"), map[string]string{})
	lists := f.lists
	f.expect("it is not restarted twice", f.at(3*QuietPeriod, changed("db", "v2")).Restarted, []string(nil))
	if f.lists == lists {
		t.Error("nothing was looked at")
	}
}

func TestOneRestartServesForAllThatChangeTogether(t *testing.T) {
	f := newFixture(t, web("web", "db", "tls", "api"), web("only-db", "db"))
	f.at(0, changed("db", "v2"))
	f.at(2*time.Second, changed("tls", "v7"))
	f.clock.SetTime(noon.Add(2500 * time.Millisecond))
	f.Announce(namespace, "api", "api", v1alpha1.Rollout{})

	progress := f.at(3100*time.Millisecond, changed("db", "v2"))
	f.expect("the one that uses no other does not wait", progress.Restarted, []string{"Deployment only-db"})
	f.expect("the states", states(progress), map[string]State{"web": Waiting, "only-db": RollingOut})

	f.expect("what is announced is waited for", f.at(6*time.Second, changed("db", "v2")).Restarted, []string(nil))
	api := changed("api", "v1")
	api.Changed = noon.Add(3 * time.Second)
	f.expect("one restart", f.at(6*time.Second, api).Restarted, []string{"Deployment web"})
	f.expect("it serves for all", f.stamps("web"), map[string]string{"db": "v2", "tls": "v7", "api": "v1",
		annotationRestartedAt: "2026-03-01T12:00:03Z"})
	for _, change := range []Change{changed("db", "v2"), changed("tls", "v7"), api} {
		f.expect("no other restart for "+change.Name, f.step(change).Restarted, []string(nil))
	}
	if len(f.pending.changes) != 0 {
		t.Errorf("changes that are done are remembered: %v", f.pending.changes)
	}
}

func TestWhatIsAnnouncedIsWaitedForOnlySoLong(t *testing.T) {
	f := newFixture(t, web("web", "db", "tls"))
	f.Announce(namespace, "tls", "tls", v1alpha1.Rollout{})
	f.at(0, changed("db", "v2"))
	f.expect("before", f.at(announcedMost-time.Second, changed("db", "v2")).Restarted, []string(nil))
	f.expect("after", f.at(announcedMost, changed("db", "v2")).Restarted, []string{"Deployment web"})
	f.expect("no revision is invented", f.stamps("web"), map[string]string{"db": "v2", annotationRestartedAt: "2026-03-01T12:00:00Z"})
}

func TestChangesWithoutEndAreGatheredForSoLong(t *testing.T) {
	f := newFixture(t, web("web", "db"))
	for second := range 30 {
		if got := f.at(time.Duration(second)*time.Second, changed("db", fmt.Sprint(second))).Restarted; got != nil {
			t.Fatalf("restarted after %d seconds", second)
		}
	}
	f.expect("after half a minute", f.at(quietPeriodMost, changed("db", "30")).Restarted, []string{"Deployment web"})
}

func TestTheDelayOfEachSecretIsKept(t *testing.T) {
	f := newFixture(t, web("web", "db", "tls"))
	slow := changed("db", "v2")
	slow.Policy.Delay = &metav1.Duration{Duration: time.Minute}
	progress := f.at(0, slow)
	f.expect("nothing is read before", f.lists, 0)
	f.expect("when to look again", progress.RequeueAfter, time.Minute)
	f.at(0, changed("tls", "v1"))
	f.expect("the other Secret would start it with a password that does not hold yet", f.at(59*time.Second, changed("tls", "v1")).Restarted, []string(nil))
	f.expect("after the delay", f.at(time.Minute, slow).Restarted, []string{"Deployment web"})
	f.expect("one for both", f.step(changed("tls", "v1")).Restarted, []string(nil))
}

func TestSoManyAtATime(t *testing.T) {
	two := int32(2)
	for name, test := range map[string]struct {
		most *int32
		want int
	}{"by default": {nil, DefaultMaxConcurrent}, "as the policy says": {&two, 2}} {
		f := newFixture(t, web("a", "db"), web("b", "db"), web("c", "db"), web("d", "db"), web("e", "db"))
		change := changed("db", "v2")
		change.Policy.MaxConcurrent = test.most
		f.at(0, change)
		first := f.at(QuietPeriod, change).Restarted
		f.expect(name, first, []string{"Deployment a", "Deployment b", "Deployment c"}[:test.want])
		f.move("a", begin)
		f.move("b", begin)
		rest := f.step(change).Restarted
		f.expect(name+": one for each that is done", len(rest), test.want-2)
		f.move("a", end)
		f.move("b", end)
		var last Progress
		for range 3 {
			if last = f.step(change); last.State == Done {
				break
			}
			rest = append(rest, last.Restarted...)
		}
		f.expect(name+": all in the end", len(first)+len(rest), 5)
		f.expect(name+": they are done", last.State, Done)
	}
}

func TestAFailureStopsTheRest(t *testing.T) {
	f := newFixture(t, web("a", "db"), web("b", "db"), web("c", "db"))
	change := changed("db", "v2")
	change.Policy.MaxConcurrent = new(int32(1))
	f.at(0, change)
	f.at(QuietPeriod, change)
	f.move("a", fail)
	progress := f.at(time.Hour, change)
	f.expect("the states", states(progress), map[string]State{"a": Failed, "b": Waiting, "c": Waiting})
	f.expect("the sum", progress.State, Failed)
	if !strings.Contains(progress.Message, "Deployment a") || !strings.Contains(progress.Workloads[1].Message, "because Deployment a did not come up") {
		t.Errorf("the messages are %q and %q", progress.Message, progress.Workloads[1].Message)
	}
	f.expect("nor later", f.at(2*time.Hour, change).Restarted, []string(nil))

	next := change
	next.Revision, next.Changed = "v3", noon.Add(3*time.Hour)
	f.at(3*time.Hour, next)
	f.expect("a later revision begins again, with the workload that failed", f.at(3*time.Hour+QuietPeriod, next).Restarted, []string{"Deployment a"})
}

func TestWhoIsNotRestartedYet(t *testing.T) {
	f := newFixture(t, web("paused", "db"), web("moving", "db"), web("stuck", "db"), web("young", "db"), web("going", "db"))
	f.move("paused", func(d *appsv1.Deployment) { d.Spec.Paused = true })
	f.move("moving", begin)
	f.move("stuck", func(d *appsv1.Deployment) { begin(d); fail(d) })
	f.move("young", func(d *appsv1.Deployment) { d.CreationTimestamp = metav1.NewTime(noon) })
	f.move("going", func(d *appsv1.Deployment) { d.Finalizers = []string{"example.com/wait"} })
	if err := f.client.Delete(t.Context(), f.deployment("going")); err != nil {
		t.Fatal(err)
	}
	change := changed("db", "v2")
	f.at(0, change)
	progress := f.at(QuietPeriod, change)
	f.expect("what has failed before may do so for want of the restart", progress.Restarted, []string{"Deployment stuck"})
	f.move("stuck", func(d *appsv1.Deployment) { d.Status.Conditions = nil; end(d) })
	progress = f.step(change)
	f.expect("the states", states(progress), map[string]State{"paused": Paused, "moving": Waiting, "stuck": Done, "young": Done})
	f.expect("the sum", progress.State, RollingOut)
	f.move("moving", end)
	f.expect("it has ended", f.step(change).Restarted, []string{"Deployment moving"})
	f.expect("only the paused one is left", f.step(change).State, Paused)
	f.move("paused", func(d *appsv1.Deployment) { d.Spec.Paused = false })
	f.expect("it was resumed", f.at(time.Hour, change).Restarted, []string{"Deployment paused"})
	f.expect("all are done", f.step(change).State, Done)
}

func TestARolloutThatNeverEndsIsNotWaitedForForEver(t *testing.T) {
	f := newFixture(t, web("web", "db"))
	f.move("web", begin)
	change := changed("db", "v2")
	f.at(0, change)
	f.expect("before", f.at(waitMost-time.Second, change).Restarted, []string(nil))
	f.expect("after", f.at(waitMost, change).Restarted, []string{"Deployment web"})
}

func TestWhoTakesTheAnnotationOffIsNotFought(t *testing.T) {
	f := newFixture(t, web("web", "db"))
	change := changed("db", "v2")
	f.at(0, change)
	f.at(QuietPeriod, change)
	f.move("web", func(d *appsv1.Deployment) { d.Spec.Template.Annotations = nil })
	progress := f.step(change)
	f.expect("no restart", progress.Restarted, []string(nil))
	if !strings.Contains(progress.Workloads[0].Message, "the annotation restart.secretsync.dev/db was removed") {
		t.Errorf("the message is %q", progress.Workloads[0].Message)
	}
}

func TestListed(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: former("queue"), Spec: appsv1.StatefulSetSpec{Template: pod()},
		Status: appsv1.StatefulSetStatus{ObservedGeneration: 1, ReadyReplicas: 1}}
	f := newFixture(t, web("web", "db"), web("reads-it-by-the-api"), web("queue", "db"), set)
	change := changed("db", "v2")
	change.Policy = v1alpha1.Rollout{Restart: v1alpha1.RestartListed, Workloads: []v1alpha1.WorkloadReference{
		{Kind: "StatefulSet", Name: "queue"}, {Kind: "Deployment", Name: "gone"}, {Kind: "Deployment", Name: "reads-it-by-the-api"}}}
	f.at(0, change)
	progress := f.at(QuietPeriod, change)
	f.expect("those listed, in that order", progress.Restarted, []string{"StatefulSet queue", "Deployment reads-it-by-the-api"})
	f.expect("the one that is not there", progress.Workloads[1], v1alpha1.WorkloadStatus{Kind: "Deployment", Name: "gone",
		State: "Failed", Message: "it is not there: correct spec.rollout.workloads, or create it"})
	f.expect("the sum", f.step(change).State, Failed)
	f.expect("no other workload", f.stamps("queue"), map[string]string{})
}

func TestArgoRollouts(t *testing.T) {
	template, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&[]corev1.PodTemplateSpec{pod("db")}[0])
	if err != nil {
		t.Fatal(err)
	}
	argo := func(name string, spec map[string]any) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		u.SetGroupVersionKind(argoRollouts())
		u.SetNamespace(namespace)
		u.SetName(name)
		u.SetCreationTimestamp(metav1.NewTime(noon.Add(-time.Hour)))
		return u
	}
	f := newFixture(t, web("lent", "db"),
		argo("own", map[string]any{"template": template, "restartAt": "2026-02-01T00:00:00Z"}),
		argo("borrows", map[string]any{"workloadRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "lent"}}),
		argo("other", map[string]any{"template": map[string]any{}}))
	change := changed("db", "v2")
	f.at(0, change)
	progress := f.at(waitMost, change)
	f.expect("those that use it, and not the Deployment that only lends its template", progress.Restarted, []string{"Rollout borrows", "Rollout own"})
	f.expect("no canary is set off", f.stamps("lent"), map[string]string{})
	restarted := argo("own", nil)
	if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(restarted), restarted); err != nil {
		t.Fatal(err)
	}
	f.expect("the restart", restarted.Object["spec"], any(map[string]any{"template": template, "restartAt": "2026-03-01T12:00:00Z"}))
	f.expect("the stamp", restarted.GetAnnotations(), map[string]string{"restart.secretsync.dev/db": "v2"})
	f.expect("it goes on", states(f.step(change)), map[string]State{"own": RollingOut, "borrows": RollingOut})
}

func TestForbidden(t *testing.T) {
	for _, verb := range []string{"list", "patch"} {
		f := newFixture(t, web("web", "db"))
		f.forbid = verb
		f.at(0, changed("db", "v2"))
		progress := f.at(QuietPeriod, changed("db", "v2"))
		if progress.State != Forbidden || !strings.Contains(progress.Message, "rollouts.enabled") || strings.Contains(progress.Message, "quotes") {
			t.Errorf("%s: %+v", verb, progress)
		}
		f.forbid = ""
		f.expect(verb+": it is allowed at last", f.at(time.Hour, changed("db", "v2")).Restarted, []string{"Deployment web"})
	}
}

func TestARaceIsTriedAgain(t *testing.T) {
	f := newFixture(t, web("web", "db"))
	change := changed("db", "v2")
	f.clock.SetTime(noon.Add(QuietPeriod))
	f.pending.put(change, noon)
	workloads, err := f.list(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	f.move("web", func(d *appsv1.Deployment) { d.Spec.Paused = true })
	s := f.look(workloads, change, noon.Add(QuietPeriod))
	if err := f.restart(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	f.expect("who was paused meanwhile is not restarted", f.stamps("web"), map[string]string{})
	f.expect("nor said to be", s.restarted, []string(nil))
	f.expect("and is looked at again", f.step(change).State, Paused)
}

func TestStampsHaveValidNames(t *testing.T) {
	long := strings.Repeat("a", 45) + ".b-" + strings.Repeat("c", 200)
	for name, want := range map[string]string{
		"db":                    "restart.secretsync.dev/db",
		strings.Repeat("a", 63): "restart.secretsync.dev/" + strings.Repeat("a", 63),
	} {
		if got := stampKey(name); got != want {
			t.Errorf("stampKey(%s) = %s", name, got)
		}
	}
	first, second := stampKey(long), stampKey(long+"c")
	if short := strings.TrimPrefix(first, stampPrefix); first == second || len(short) > nameMost || slices.Contains([]byte("-."), short[44]) {
		t.Errorf("long names become %s and %s", first, second)
	}
}

func TestStatusHoldsThoseThatAreNotDone(t *testing.T) {
	var objects []client.Object
	for i := range 70 {
		objects = append(objects, web(fmt.Sprintf("web-%02d", i), "db"))
	}
	f := newFixture(t, objects...)
	f.move("web-69", func(d *appsv1.Deployment) { d.Spec.Paused = true })
	change, many := changed("db", "v2"), int32(64)
	change.Policy.MaxConcurrent = &many
	f.at(0, change)
	f.at(QuietPeriod, change)
	f.step(change)
	progress := f.step(change)
	if len(progress.Workloads) != statusesMost || progress.Workloads[63].Name != "web-69" || progress.Workloads[63].State != string(Paused) {
		t.Errorf("status has %d workloads, the last is %+v", len(progress.Workloads), progress.Workloads[len(progress.Workloads)-1])
	}
	if !strings.HasPrefix(progress.Message, "69 of 70 workloads") {
		t.Errorf("the message is %q", progress.Message)
	}
}
