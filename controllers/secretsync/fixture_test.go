package secretsync

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// noon is when tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// here is the SecretSync that most tests are about.
var here = types.NamespacedName{Namespace: "payments", Name: "db"}

// environment is a controller whose API server holds one SecretSync and its Secrets, and whose AWS has one secret. Its
// clock stands still until a test moves it.
type environment struct {
	*Controller
	server client.WithWatch
	aws    *oneSecret
	events *events.FakeRecorder
	clock  *clocktesting.FakePassiveClock
	// refusal is the API server's answer to a write of that Secret; nil lets it pass.
	refusal map[string]error
	// refuses has the API server refuse writes of status; writes counts those that it takes.
	refuses bool
	writes  int
	// onWrite is called with stop after a write of a Secret; nil does nothing.
	onWrite func(stop context.CancelFunc)
	stop    context.CancelFunc
	// conflicts is how many patches of the SecretSync itself still meet another writer.
	conflicts int
}

// oneSecret is a source with one secret in it.
type oneSecret struct {
	version string
	refusal error
	fetched int
	asked   int
}

func (s *oneSecret) Resolve(context.Context, source.VersionQuery) (source.Resolution, error) {
	s.asked++
	return source.Resolution{Version: source.Version{ARN: "arn", ID: s.version}}, s.refusal
}

func (s *oneSecret) Fetch(context.Context, source.Ref, source.Version) (source.Fetched, error) {
	s.fetched++
	return source.Fetched{Version: source.Version{ARN: "arn", ID: s.version, Created: noon}, Value: source.TextValue("of " + s.version)}, s.refusal
}

func (s *oneSecret) Find(context.Context, source.FindQuery) ([]source.Found, error) {
	return []source.Found{{ARN: "arn", Name: "name"}}, s.refusal
}

func newEnvironment(t *testing.T, secretSync *v1alpha1.SecretSync, secrets ...client.Object) *environment {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	e := &environment{
		events: events.NewFakeRecorder(20), clock: clocktesting.NewFakePassiveClock(noon),
		aws: &oneSecret{version: "version-1"}, refusal: map[string]error{},
	}
	e.server = fake.NewClientBuilder().WithScheme(scheme).WithObjects(append(secrets, secretSync)...).WithStatusSubresource(&v1alpha1.SecretSync{}).
		WithReturnManagedFields().
		WithIndex(&v1alpha1.SecretSync{}, targetIndex, func(object client.Object) []string { return []string{object.(*v1alpha1.SecretSync).TargetName()} }).
		WithIndex(&v1alpha1.SecretSync{}, metav1.ObjectNameField, func(object client.Object) []string { return []string{object.GetName()} }).Build()
	e.Controller = New(Options{
		Client: interceptor.NewClient(e.server, e.interceptor()), Live: e.server, Source: e.aws,
		Events: &singles{EventRecorder: e.events, t: t}, Metrics: metrics, PollInterval: 5 * time.Minute, Clock: e.clock,
	})
	return e
}

// interceptor refuses what a test wants refused, and counts.
func (e *environment) interceptor() interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if err := e.refusal[object.GetName()]; err != nil {
				return err
			}
			object.SetUID(types.UID("uid-of-" + object.GetName()))
			return c.Create(ctx, object, options...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			if _, own := object.(*v1alpha1.SecretSync); own && e.conflicts > 0 {
				e.conflicts--
				return apierrors.NewConflict(schema.GroupResource{Resource: "secretsyncs"}, object.GetName(), errors.New("changed"))
			}
			if _, own := object.(*v1alpha1.SecretSync); !own && e.refusal[object.GetName()] != nil {
				return e.refusal[object.GetName()]
			}
			if e.onWrite != nil {
				defer e.onWrite(e.stop)
			}
			return c.Patch(ctx, object, patch, options...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if err := e.refusal[object.GetName()]; err != nil {
				return err
			}
			return c.Delete(ctx, object, options...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, part string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			if e.refuses {
				return errors.New("etcd is away")
			}
			if err := ctx.Err(); err != nil { // The fake does not look.
				return err
			}
			e.writes++
			return c.SubResource(part).Patch(ctx, object, patch, options...)
		},
	}
}

// use has the controller read from another source.
func (e *environment) use(aws source.Source) { e.options.Source, e.resolver.Source = aws, aws }

// state is what the controller remembers of the SecretSync; nil where that is nothing.
func (e *environment) state() *objectState { return e.states.known(here) }

// pollAt has AWS asked next at a moment.
func (e *environment) pollAt(at time.Time) { e.state().schedule.SetNext(at) }

// after lets time pass.
func (e *environment) after(wait time.Duration) { e.clock.SetTime(e.clock.Now().Add(wait)) }

// turn reconciles the SecretSync once.
func (e *environment) turn(t *testing.T) reconcile.Result {
	t.Helper()
	result, err := e.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// settle takes turns until the next one is not due soon.
func (e *environment) settle(t *testing.T) {
	t.Helper()
	for range 10 {
		result := e.turn(t)
		if next := e.state().schedule.Next(); next.After(e.clock.Now()) && next.Sub(e.clock.Now()) <= firstLagWait {
			e.pollAt(e.clock.Now().Add(2 * firstLagWait)) // The place of a poll is drawn by lot, and is not what is waited for.
		}
		if result.RequeueAfter > firstLagWait || result.RequeueAfter == 0 {
			return
		}
	}
	t.Fatal("turns follow each other without end")
}

// now is the SecretSync that the API server has.
func (e *environment) now(t *testing.T) *v1alpha1.SecretSync {
	t.Helper()
	secretSync := &v1alpha1.SecretSync{}
	if err := e.server.Get(t.Context(), here, secretSync); err != nil {
		t.Fatal(err)
	}
	if broken := rules(secretSync); secretSync.Status.ObservedGeneration > 0 && len(broken) > 0 {
		t.Errorf("broken rules: %q", broken)
	}
	return secretSync
}

func (e *environment) edit(t *testing.T, change func(*v1alpha1.SecretSync)) {
	t.Helper()
	secretSync := e.now(t)
	change(secretSync)
	secretSync.Generation++
	if err := e.server.Update(t.Context(), secretSync); err != nil {
		t.Fatal(err)
	}
}

// secret reads a Secret; nil where there is none.
func (e *environment) secret(t *testing.T, name string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	err := e.server.Get(t.Context(), client.ObjectKey{Namespace: here.Namespace, Name: name}, secret)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return secret
}

// ready is the condition Ready.
func (e *environment) ready(t *testing.T) metav1.Condition {
	t.Helper()
	ready := meta.FindStatusCondition(e.now(t).Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		t.Fatal("there is no condition Ready")
	}
	return *ready
}

// sent are the events since the last call.
func (e *environment) sent() (all []string) {
	for {
		select {
		case event := <-e.events.Events:
			all = append(all, event)
		default:
			return all
		}
	}
}

// fresh is a SecretSync as a user makes it.
func fresh() *v1alpha1.SecretSync {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Namespace, secretSync.Name, secretSync.UID, secretSync.Generation = here.Namespace, here.Name, "uid", 1
	secretSync.Spec.Source.SecretID = "db"
	return secretSync
}
