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

// yard is a Restarter among workloads that stand still unless a test moves them.
type yard struct {
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

func newYard(t *testing.T, objects ...client.Object) *yard {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	scheme.AddKnownTypeWithName(argoRollouts(), &unstructured.Unstructured{})
	scheme.AddKnownTypeWithName(argoRollouts().GroupVersion().WithKind("RolloutList"), &unstructured.UnstructuredList{})
	y := &yard{T: t, clock: clocktesting.NewFakePassiveClock(noon), moved: map[string]time.Duration{}}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "", fmt.Errorf("it quotes"))
	y.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			y.lists++
			if y.forbid == "list" {
				return forbidden
			}
			err := c.List(ctx, list, options...)
			if sets, ok := list.(*appsv1.StatefulSetList); ok {
				for i := range sets.Items {
					sets.Items[i].ManagedFields = records(y.moved[sets.Items[i].Name], 0, 0)
				}
			}
			return err
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			if y.forbid == "patch" {
				return forbidden
			}
			return c.Patch(ctx, object, patch, options...)
		},
	}).Build()
	y.Restarter = New(Options{Client: y.client, Live: y.client, Clock: y.clock})
	return y
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
	one := int32(1)
	return &appsv1.Deployment{ObjectMeta: former(name), Spec: appsv1.DeploymentSpec{Replicas: &one, Template: pod(secrets...)},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1}}
}

// changed is a change at noon of the content of a Secret, whose SecretSync has the same name.
func changed(name, revision string) Change {
	return Change{Namespace: namespace, Name: name, Secret: name, Revision: revision, Changed: noon}
}

func (y *yard) step(change Change) Progress {
	y.Helper()
	progress, err := y.Step(y.Context(), change)
	if err != nil {
		y.Fatal(err)
	}
	return progress
}

// at takes a step so long after noon.
func (y *yard) at(after time.Duration, change Change) Progress {
	y.Helper()
	y.clock.SetTime(noon.Add(after))
	return y.step(change)
}

func (y *yard) deployment(name string) *appsv1.Deployment {
	y.Helper()
	found := &appsv1.Deployment{}
	if err := y.client.Get(y.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found); err != nil {
		y.Fatal(err)
	}
	return found
}

// stamps are the annotations of a Deployment's pod template, by SecretSync.
func (y *yard) stamps(name string) map[string]string {
	y.Helper()
	all := map[string]string{}
	for key, value := range y.deployment(name).Spec.Template.Annotations {
		all[strings.TrimPrefix(key, stampPrefix)] = value
	}
	return all
}

// move changes a Deployment as its controller does, or somebody.
func (y *yard) move(name string, change func(*appsv1.Deployment)) {
	y.Helper()
	found := y.deployment(name)
	change(found)
	status := found.Status
	if err := y.client.Update(y.Context(), found); err != nil {
		y.Fatal(err)
	}
	found.Status = status
	if err := y.client.Status().Update(y.Context(), found); err != nil {
		y.Fatal(err)
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
	for _, one := range progress.Workloads {
		all[one.Name] = State(one.State)
	}
	return all
}

func (y *yard) expect(what string, got, want any) {
	y.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		y.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestARestartIsAPatchOfTheTemplate(t *testing.T) {
	y := newYard(t, web("web", "db"), web("other", "x"))
	before := y.deployment("web")
	progress := y.at(QuietPeriod, changed("db", "v2"))
	if progress.State == Done {
		y.at(QuietPeriod, changed("db", "v2"))
	}
	y.at(2*QuietPeriod, changed("db", "v2"))
	before.Spec.Template.Annotations = map[string]string{"restart.secretsync.dev/db": "v2", "kubectl.kubernetes.io/restartedAt": "2026-03-01T12:00:00Z"}
	y.expect("the pod template", y.deployment("web").Spec, before.Spec)
	y.expect("the other", y.stamps("other"), map[string]string{})
	lists := y.lists
	y.expect("it is not restarted twice", y.at(3*QuietPeriod, changed("db", "v2")).Restarted, []string(nil))
	if y.lists == lists {
		t.Error("nothing was looked at")
	}
}

func TestOneRestartServesForAllThatChangeTogether(t *testing.T) {
	y := newYard(t, web("web", "db", "tls", "api"), web("only-db", "db"))
	y.at(0, changed("db", "v2"))
	y.at(2*time.Second, changed("tls", "v7"))
	y.clock.SetTime(noon.Add(2500 * time.Millisecond))
	y.Announce(namespace, "api", "api", v1alpha1.Rollout{})

	progress := y.at(3100*time.Millisecond, changed("db", "v2"))
	y.expect("the one that uses no other does not wait", progress.Restarted, []string{"Deployment only-db"})
	y.expect("the states", states(progress), map[string]State{"web": Waiting, "only-db": RollingOut})

	y.expect("what is announced is waited for", y.at(6*time.Second, changed("db", "v2")).Restarted, []string(nil))
	api := changed("api", "v1")
	api.Changed = noon.Add(3 * time.Second)
	y.expect("one restart", y.at(6*time.Second, api).Restarted, []string{"Deployment web"})
	y.expect("it serves for all", y.stamps("web"), map[string]string{"db": "v2", "tls": "v7", "api": "v1",
		annotationRestartedAt: "2026-03-01T12:00:03Z"})
	for _, change := range []Change{changed("db", "v2"), changed("tls", "v7"), api} {
		y.expect("no other restart for "+change.Name, y.step(change).Restarted, []string(nil))
	}
	if len(y.pending.by) != 0 {
		t.Errorf("changes that are done are remembered: %v", y.pending.by)
	}
}

func TestWhatIsAnnouncedIsWaitedForOnlySoLong(t *testing.T) {
	y := newYard(t, web("web", "db", "tls"))
	y.Announce(namespace, "tls", "tls", v1alpha1.Rollout{})
	y.at(0, changed("db", "v2"))
	y.expect("before", y.at(announcedMost-time.Second, changed("db", "v2")).Restarted, []string(nil))
	y.expect("after", y.at(announcedMost, changed("db", "v2")).Restarted, []string{"Deployment web"})
	y.expect("no revision is invented", y.stamps("web"), map[string]string{"db": "v2", annotationRestartedAt: "2026-03-01T12:00:00Z"})
}

func TestChangesWithoutEndAreGatheredForSoLong(t *testing.T) {
	y := newYard(t, web("web", "db"))
	for second := range 30 {
		if got := y.at(time.Duration(second)*time.Second, changed("db", fmt.Sprint(second))).Restarted; got != nil {
			t.Fatalf("restarted after %d seconds", second)
		}
	}
	y.expect("after half a minute", y.at(quietPeriodMost, changed("db", "30")).Restarted, []string{"Deployment web"})
}

func TestTheDelayOfEachSecretIsKept(t *testing.T) {
	y := newYard(t, web("web", "db", "tls"))
	slow := changed("db", "v2")
	slow.Policy.Delay = &metav1.Duration{Duration: time.Minute}
	progress := y.at(0, slow)
	y.expect("nothing is read before", y.lists, 0)
	y.expect("when to look again", progress.RequeueAfter, time.Minute)
	y.at(0, changed("tls", "v1"))
	y.expect("the other Secret would start it with a password that does not hold yet", y.at(59*time.Second, changed("tls", "v1")).Restarted, []string(nil))
	y.expect("after the delay", y.at(time.Minute, slow).Restarted, []string{"Deployment web"})
	y.expect("one for both", y.step(changed("tls", "v1")).Restarted, []string(nil))
}

func TestSoManyAtATime(t *testing.T) {
	two := int32(2)
	for name, test := range map[string]struct {
		most *int32
		want int
	}{"by default": {nil, DefaultMaxConcurrent}, "as the policy says": {&two, 2}} {
		y := newYard(t, web("a", "db"), web("b", "db"), web("c", "db"), web("d", "db"), web("e", "db"))
		change := changed("db", "v2")
		change.Policy.MaxConcurrent = test.most
		y.at(0, change)
		first := y.at(QuietPeriod, change).Restarted
		y.expect(name, first, []string{"Deployment a", "Deployment b", "Deployment c"}[:test.want])
		y.move("a", begin)
		y.move("b", begin)
		rest := y.step(change).Restarted
		y.expect(name+": one for each that is done", len(rest), test.want-2)
		y.move("a", end)
		y.move("b", end)
		var last Progress
		for range 3 {
			if last = y.step(change); last.State == Done {
				break
			}
			rest = append(rest, last.Restarted...)
		}
		y.expect(name+": all in the end", len(first)+len(rest), 5)
		y.expect(name+": they are done", last.State, Done)
	}
}

func TestAFailureStopsTheRest(t *testing.T) {
	y := newYard(t, web("a", "db"), web("b", "db"), web("c", "db"))
	one, change := int32(1), changed("db", "v2")
	change.Policy.MaxConcurrent = &one
	y.at(0, change)
	y.at(QuietPeriod, change)
	y.move("a", fail)
	progress := y.at(time.Hour, change)
	y.expect("the states", states(progress), map[string]State{"a": Failed, "b": Waiting, "c": Waiting})
	y.expect("the sum", progress.State, Failed)
	if !strings.Contains(progress.Message, "Deployment a") || !strings.Contains(progress.Workloads[1].Message, "because Deployment a did not come up") {
		t.Errorf("the messages are %q and %q", progress.Message, progress.Workloads[1].Message)
	}
	y.expect("nor later", y.at(2*time.Hour, change).Restarted, []string(nil))

	next := change
	next.Revision, next.Changed = "v3", noon.Add(3*time.Hour)
	y.at(3*time.Hour, next)
	y.expect("a later revision begins anew, with the one that failed", y.at(3*time.Hour+QuietPeriod, next).Restarted, []string{"Deployment a"})
}

func TestWhoIsNotRestartedYet(t *testing.T) {
	y := newYard(t, web("paused", "db"), web("moving", "db"), web("stuck", "db"), web("young", "db"), web("going", "db"))
	y.move("paused", func(d *appsv1.Deployment) { d.Spec.Paused = true })
	y.move("moving", begin)
	y.move("stuck", func(d *appsv1.Deployment) { begin(d); fail(d) })
	y.move("young", func(d *appsv1.Deployment) { d.CreationTimestamp = metav1.NewTime(noon) })
	y.move("going", func(d *appsv1.Deployment) { d.Finalizers = []string{"example.com/wait"} })
	if err := y.client.Delete(t.Context(), y.deployment("going")); err != nil {
		t.Fatal(err)
	}
	change := changed("db", "v2")
	y.at(0, change)
	progress := y.at(QuietPeriod, change)
	y.expect("what has failed before may do so for want of the restart", progress.Restarted, []string{"Deployment stuck"})
	y.move("stuck", func(d *appsv1.Deployment) { d.Status.Conditions = nil; end(d) })
	progress = y.step(change)
	y.expect("the states", states(progress), map[string]State{"paused": Paused, "moving": Waiting, "stuck": Done, "young": Done})
	y.expect("the sum", progress.State, RollingOut)
	y.move("moving", end)
	y.expect("it has ended", y.step(change).Restarted, []string{"Deployment moving"})
	y.expect("only the paused one is left", y.step(change).State, Paused)
	y.move("paused", func(d *appsv1.Deployment) { d.Spec.Paused = false })
	y.expect("it was resumed", y.at(time.Hour, change).Restarted, []string{"Deployment paused"})
	y.expect("all are done", y.step(change).State, Done)
}

func TestARolloutThatNeverEndsIsNotWaitedForForEver(t *testing.T) {
	y := newYard(t, web("web", "db"))
	y.move("web", begin)
	change := changed("db", "v2")
	y.at(0, change)
	y.expect("before", y.at(waitMost-time.Second, change).Restarted, []string(nil))
	y.expect("after", y.at(waitMost, change).Restarted, []string{"Deployment web"})
}

func TestWhoTakesTheAnnotationOffIsNotFought(t *testing.T) {
	y := newYard(t, web("web", "db"))
	change := changed("db", "v2")
	y.at(0, change)
	y.at(QuietPeriod, change)
	y.move("web", func(d *appsv1.Deployment) { d.Spec.Template.Annotations = nil })
	progress := y.step(change)
	y.expect("no restart", progress.Restarted, []string(nil))
	if !strings.Contains(progress.Workloads[0].Message, "the annotation restart.secretsync.dev/db was removed") {
		t.Errorf("the message is %q", progress.Workloads[0].Message)
	}
}

func TestListed(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: former("queue"), Spec: appsv1.StatefulSetSpec{Template: pod()},
		Status: appsv1.StatefulSetStatus{ObservedGeneration: 1, ReadyReplicas: 1}}
	y := newYard(t, web("web", "db"), web("reads-it-by-the-api"), web("queue", "db"), set)
	change := changed("db", "v2")
	change.Policy = v1alpha1.Rollout{Restart: v1alpha1.RestartListed, Workloads: []v1alpha1.WorkloadReference{
		{Kind: "StatefulSet", Name: "queue"}, {Kind: "Deployment", Name: "gone"}, {Kind: "Deployment", Name: "reads-it-by-the-api"}}}
	y.at(0, change)
	progress := y.at(QuietPeriod, change)
	y.expect("those listed, in that order", progress.Restarted, []string{"StatefulSet queue", "Deployment reads-it-by-the-api"})
	y.expect("the one that is not there", progress.Workloads[1], v1alpha1.WorkloadStatus{Kind: "Deployment", Name: "gone",
		State: "Failed", Message: "it is not there: correct spec.rollout.workloads, or create it"})
	y.expect("the sum", y.step(change).State, Failed)
	y.expect("nobody else", y.stamps("queue"), map[string]string{})
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
	y := newYard(t, web("lent", "db"),
		argo("own", map[string]any{"template": template, "restartAt": "2026-02-01T00:00:00Z"}),
		argo("borrows", map[string]any{"workloadRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "lent"}}),
		argo("other", map[string]any{"template": map[string]any{}}))
	change := changed("db", "v2")
	y.at(0, change)
	progress := y.at(waitMost, change)
	y.expect("those that use it, and not the Deployment that only lends its template", progress.Restarted, []string{"Rollout borrows", "Rollout own"})
	y.expect("no canary is set off", y.stamps("lent"), map[string]string{})
	restarted := argo("own", nil)
	if err := y.client.Get(t.Context(), client.ObjectKeyFromObject(restarted), restarted); err != nil {
		t.Fatal(err)
	}
	y.expect("the restart", restarted.Object["spec"], any(map[string]any{"template": template, "restartAt": "2026-03-01T12:00:00Z"}))
	y.expect("the stamp", restarted.GetAnnotations(), map[string]string{"restart.secretsync.dev/db": "v2"})
	y.expect("it goes on", states(y.step(change)), map[string]State{"own": RollingOut, "borrows": RollingOut})
}

func TestForbidden(t *testing.T) {
	for _, verb := range []string{"list", "patch"} {
		y := newYard(t, web("web", "db"))
		y.forbid = verb
		y.at(0, changed("db", "v2"))
		progress := y.at(QuietPeriod, changed("db", "v2"))
		if progress.State != Forbidden || !strings.Contains(progress.Message, "rollouts.enabled") || strings.Contains(progress.Message, "quotes") {
			t.Errorf("%s: %+v", verb, progress)
		}
		y.forbid = ""
		y.expect(verb+": it is allowed at last", y.at(time.Hour, changed("db", "v2")).Restarted, []string{"Deployment web"})
	}
}

func TestARaceIsTriedAgain(t *testing.T) {
	y := newYard(t, web("web", "db"))
	change := changed("db", "v2")
	y.clock.SetTime(noon.Add(QuietPeriod))
	y.pending.put(change, noon)
	workloads, err := y.list(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	y.move("web", func(d *appsv1.Deployment) { d.Spec.Paused = true })
	round := y.look(workloads, change, noon.Add(QuietPeriod))
	if err := y.restart(t.Context(), round); err != nil {
		t.Fatal(err)
	}
	y.expect("who was paused meanwhile is not restarted", y.stamps("web"), map[string]string{})
	y.expect("nor said to be", round.restarted, []string(nil))
	y.expect("and is looked at again", y.step(change).State, Paused)
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
	one, other := stampKey(long), stampKey(long+"c")
	if short := strings.TrimPrefix(one, stampPrefix); one == other || len(short) > nameMost || slices.Contains([]byte("-."), short[44]) {
		t.Errorf("long names become %s and %s", one, other)
	}
}

func TestStatusHoldsThoseThatAreNotDone(t *testing.T) {
	var objects []client.Object
	for i := range 70 {
		objects = append(objects, web(fmt.Sprintf("web-%02d", i), "db"))
	}
	y := newYard(t, objects...)
	y.move("web-69", func(d *appsv1.Deployment) { d.Spec.Paused = true })
	change, many := changed("db", "v2"), int32(64)
	change.Policy.MaxConcurrent = &many
	y.at(0, change)
	y.at(QuietPeriod, change)
	y.step(change)
	progress := y.step(change)
	if len(progress.Workloads) != statusesMost || progress.Workloads[63].Name != "web-69" || progress.Workloads[63].State != string(Paused) {
		t.Errorf("%d workloads are told of, the last is %+v", len(progress.Workloads), progress.Workloads[len(progress.Workloads)-1])
	}
	if !strings.HasPrefix(progress.Message, "69 of 70 workloads") {
		t.Errorf("the message is %q", progress.Message)
	}
}
