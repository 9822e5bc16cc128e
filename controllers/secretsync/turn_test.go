package secretsync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// world is a controller that does whole passes: its API server holds one SecretSync and its Secrets, its
// AWS one secret.
type world struct {
	*desk
	server client.WithWatch
	aws    *oneSecret
	// refusal is the API server's answer to a write of that Secret; nil lets it pass.
	refusal map[string]error
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

func newWorld(t *testing.T, secretSync *v1alpha1.SecretSync, secrets ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		desk: &desk{events: events.NewFakeRecorder(20), clock: clocktesting.NewFakePassiveClock(noon)},
		aws:  &oneSecret{version: "version-1"}, refusal: map[string]error{},
	}
	w.server = fake.NewClientBuilder().WithScheme(scheme).WithObjects(append(secrets, secretSync)...).WithStatusSubresource(&v1alpha1.SecretSync{}).
		WithReturnManagedFields().
		WithIndex(&v1alpha1.SecretSync{}, targetIndex, func(object client.Object) []string { return []string{object.(*v1alpha1.SecretSync).TargetName()} }).
		WithIndex(&v1alpha1.SecretSync{}, metav1.ObjectNameField, func(object client.Object) []string { return []string{object.GetName()} }).Build()
	through := interceptor.NewClient(w.server, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if err := w.refusal[object.GetName()]; err != nil {
				return err
			}
			object.SetUID(types.UID("uid-of-" + object.GetName()))
			return c.Create(ctx, object, options...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			if _, own := object.(*v1alpha1.SecretSync); own && w.conflicts > 0 {
				w.conflicts--
				return apierrors.NewConflict(schema.GroupResource{Resource: "secretsyncs"}, object.GetName(), errors.New("changed"))
			}
			if _, own := object.(*v1alpha1.SecretSync); !own && w.refusal[object.GetName()] != nil {
				return w.refusal[object.GetName()]
			}
			if w.onWrite != nil {
				defer w.onWrite(w.stop)
			}
			return c.Patch(ctx, object, patch, options...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if err := w.refusal[object.GetName()]; err != nil {
				return err
			}
			return c.Delete(ctx, object, options...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, part string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			if w.refuses {
				return errors.New("etcd is away")
			}
			if err := ctx.Err(); err != nil { // The fake does not look.
				return err
			}
			w.writes++
			return c.SubResource(part).Patch(ctx, object, patch, options...)
		},
	})
	w.Controller = New(Options{Client: through, Live: w.server, Source: w.aws, Events: &singles{EventRecorder: w.events, t: t}, Metrics: metrics, PollInterval: 5 * time.Minute, Clock: w.clock})
	return w
}

func (w *world) turn(t *testing.T) reconcile.Result {
	t.Helper()
	result, err := w.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (w *world) now(t *testing.T) *v1alpha1.SecretSync {
	t.Helper()
	secretSync := &v1alpha1.SecretSync{}
	if err := w.server.Get(t.Context(), here, secretSync); err != nil {
		t.Fatal(err)
	}
	if broken := rules(secretSync); secretSync.Status.ObservedGeneration > 0 && len(broken) > 0 {
		t.Errorf("broken rules: %q", broken)
	}
	return secretSync
}

func (w *world) edit(t *testing.T, change func(*v1alpha1.SecretSync)) {
	t.Helper()
	secretSync := w.now(t)
	change(secretSync)
	secretSync.Generation++
	if err := w.server.Update(t.Context(), secretSync); err != nil {
		t.Fatal(err)
	}
}

// secret reads a Secret; nil where there is none.
func (w *world) secret(t *testing.T, name string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	err := w.server.Get(t.Context(), client.ObjectKey{Namespace: here.Namespace, Name: name}, secret)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return secret
}

// fresh is a SecretSync as a user makes it.
func fresh() *v1alpha1.SecretSync {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Namespace, secretSync.Name, secretSync.UID, secretSync.Generation = here.Namespace, here.Name, "uid", 1
	secretSync.Spec.Source.SecretID = "db"
	return secretSync
}

// settle takes turns until the next one is not due soon.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for range 10 {
		result := w.turn(t)
		if look := &w.memories.byName[here].nextLook; look.get().After(w.clock.Now()) && look.get().Sub(w.clock.Now()) <= cacheLag {
			look.set(w.clock.Now().Add(2 * cacheLag)) // The place of a poll is drawn by lot, and is not what is waited for.
		}
		if result.RequeueAfter > cacheLag || result.RequeueAfter == 0 {
			return
		}
	}
	t.Fatal("turns follow each other without end")
}

func TestAConflictIsLookedAtAgain(t *testing.T) {
	secretSync, app := merging()
	w := newWorld(t, secretSync, app)
	w.conflicts = 1
	if result := w.turn(t); result.RequeueAfter == 0 {
		t.Fatal("after a conflict nobody comes back")
	}
	w.settle(t)
	if string(w.secret(t, "app").Data["value"]) != "of version-1" {
		t.Error("the key is not there")
	}
}

// A spec edit comes with the turn that reports the pass before it.
func TestAnEditDuringALateReportIsNotLeftForThePoll(t *testing.T) {
	w := newWorld(t, fresh())
	w.turn(t) // Writes the Secret, and puts the report off.
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "renamed"}} })
	if result := w.turn(t); result.RequeueAfter > cacheLag {
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
	w := newWorld(t, secretSync, app)
	w.settle(t)
	w.sent()
	w.aws.version = "version-2"
	w.clock.SetTime(noon.Add(10 * time.Minute))
	w.refuses = true
	if _, err := w.Reconcile(t.Context(), reconcile.Request{NamespacedName: here}); err == nil || len(w.sent()) > 0 {
		t.Fatalf("with a status that was not written: %v", err)
	}
	if kept := w.memories.byName[here].unreported; kept == nil || kept.data != nil || kept.inputs[0].fetched.Value.Bytes() != nil {
		t.Error("the pass is lost, or keeps values")
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
	w := newWorld(t, secretSync, app)
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
	w := newWorld(t, fresh())
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
	w.clock.SetTime(noon.Add(retryFirst))
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
	w := newWorld(t, fresh())
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
	w := newWorld(t, fresh())
	w.settle(t)
	writes, version := w.writes, w.now(t).ResourceVersion
	for i := range 20 {
		w.clock.SetTime(noon.Add(time.Duration(i) * 7 * time.Minute))
		w.turn(t)
	}
	if w.writes != writes || w.now(t).ResourceVersion != version || w.aws.fetched != 1 {
		t.Errorf("%d writes of status, %d reads of the value", w.writes-writes, w.aws.fetched)
	}
	w.Controller = New(w.Options) // A restart.
	w.settle(t)
	if w.writes != writes || w.aws.fetched != 1 {
		t.Errorf("after a restart: %d writes of status, %d reads of the value", w.writes-writes, w.aws.fetched)
	}
}

func TestARaceIsToldOnlyWhenItDoesNotEnd(t *testing.T) {
	w := newWorld(t, fresh())
	w.refusal["db"] = apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "db", errors.New("changed"))
	for range racesMost {
		if result := w.turn(t); result.RequeueAfter != cacheLag || w.writes > 0 {
			t.Fatalf("looked at after %s, %d writes of status", result.RequeueAfter, w.writes)
		}
	}
	w.turn(t)
	if trouble := troubleOf(w.now(t)); trouble != v1alpha1.ReasonTargetFailed {
		t.Errorf("after %d races status tells of %q", racesMost+1, trouble)
	}
}
