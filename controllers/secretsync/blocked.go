package secretsync

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/target"
)

// unblockWait is the least time between two tries of a blocked SecretSync: the Secret in its way may be written all the
// time.
const unblockWait = 2 * time.Second

// blocked is why the last try failed, where a Secret was in the way or missing.
type blocked struct {
	// since is when the try failed; zero while nothing is in the way.
	since time.Time
	// secret is the one in the way; it does not exist where one is missing.
	secret target.State
	// key says that it is a key of the Secret that is in the way.
	key bool
}

// blockage remembers it. The goroutine that reconciles the SecretSync uses it; the zero value is none.
type blockage struct {
	mutex sync.Mutex
	last  blocked
}

func (b *blockage) set(last blocked) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.last = last
}

func (b *blockage) clear() { b.set(blocked{}) }

func (b *blockage) get() blocked {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.last
}

// wakeups are SecretSyncs that may no longer be blocked. Any goroutine may call its methods.
type wakeups struct {
	mutex sync.Mutex
	// byName is true where that was not the doing of their Secret.
	byName map[types.NamespacedName]bool
}

func newWakeups() *wakeups { return &wakeups{byName: map[types.NamespacedName]bool{}} }

// wake notes that a SecretSync may no longer be blocked. It is not sure where its Secret has changed in any way.
func (w *wakeups) wake(name types.NamespacedName, surely bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.byName[name] = w.byName[name] || surely
}

func (w *wakeups) take(name types.NamespacedName) (woken, surely bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	surely, woken = w.byName[name]
	delete(w.byName, name)
	return woken, surely
}

func (w *wakeups) forget(name types.NamespacedName) { w.take(name) }

// noteBlockage notes what a reconcile has failed at, where that ends with a change of a Secret.
func (c *Controller) noteBlockage(ctx context.Context, r *report) {
	if r.outcome.Failure == nil && r.trigger == schedule.None {
		return // Nothing was tried.
	}
	var last blocked
	refused, ok := errors.AsType[*target.Error](r.err)
	if ok && waitsForSecret(refused.Reason) {
		last = blocked{since: c.options.Clock.Now(), secret: refused.ConflictingSecret, key: refused.KeyConflict}
	}
	r.state.blockage.set(last)
	c.watchSecret(ctx, r.secretSync, last)
}

// waitsForSecret says whether a change of the Secret may end a refusal.
func waitsForSecret(reason string) bool {
	return reason == v1alpha1.ReasonTargetConflict || reason == v1alpha1.ReasonTargetNotFound || reason == v1alpha1.ReasonMergeNotAllowed
}

// unblock brings the next try forward where the Secret that was in the way or missing may no longer be so.
func (c *Controller) unblock(ctx context.Context, a *attempt) {
	name := client.ObjectKeyFromObject(a.secretSync)
	woken, surely := c.wakes.take(name)
	last := a.state.blockage.get()
	if !woken || last.since.IsZero() {
		return
	}
	next := last.since.Add(unblockWait)
	if !last.key {
		found, err := c.secrets.Cached(ctx, name.Namespace, a.secretSync.TargetName())
		switch {
		case err != nil:
		case !found.Exists:
			next = c.options.Clock.Now() // Each moment without a Secret counts.
		case !surely && found.UID == last.secret.UID && found.Owner == last.secret.Owner:
			return // Only its content has changed.
		}
	}
	a.state.schedule.Advance(next)
}

// targetIndex finds SecretSyncs by the name of the Secret that they write.
const targetIndex = "target"

// claimants are the SecretSyncs that want a Secret of that name.
func (c *Controller) claimants(ctx context.Context, namespace, secret string) ([]v1alpha1.SecretSync, error) {
	var list v1alpha1.SecretSyncList
	err := c.options.Client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{targetIndex: secret}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// wakeAll wakes the SecretSyncs that want a Secret, but for one, and lists them for the queue.
func (c *Controller) wakeAll(ctx context.Context, secret types.NamespacedName, but string, surely bool) []reconcile.Request {
	claimants, err := c.claimants(ctx, secret.Namespace, secret.Name)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing SecretSyncs of a Secret failed", "namespace", secret.Namespace, "secret", secret.Name)
		return nil
	}
	requests := make([]reconcile.Request, 0, len(claimants))
	for i := range claimants {
		if claimants[i].Name == but {
			continue
		}
		name := client.ObjectKeyFromObject(&claimants[i])
		c.wakes.wake(name, surely)
		requests = append(requests, reconcile.Request{NamespacedName: name})
	}
	return requests
}

// writersOf lists the SecretSyncs that write a Secret, or would.
func (c *Controller) writersOf(ctx context.Context, secret client.Object) []reconcile.Request {
	return c.wakeAll(ctx, client.ObjectKeyFromObject(secret), "", false)
}

// rivalsOf lists the SecretSyncs that want a Secret which another SecretSync wants or has written: its deletion, or an
// edit of its spec, may let them have it.
func (c *Controller) rivalsOf(ctx context.Context, object client.Object) []reconcile.Request {
	secretSync, ok := object.(*v1alpha1.SecretSync)
	if !ok {
		return nil
	}
	names := []string{secretSync.TargetName()}
	if written := secretSync.Status.Secret; written != nil && written.Name != names[0] {
		names = append(names, written.Name)
	}
	var requests []reconcile.Request
	for _, name := range names {
		requests = append(requests, c.wakeAll(ctx, types.NamespacedName{Namespace: secretSync.Namespace, Name: name}, secretSync.Name, true)...)
	}
	return requests
}

// freesSecret are the changes of a SecretSync after which another one may have its Secret.
func freesSecret() builder.Predicates {
	return builder.WithPredicates(predicate.And(predicate.GenerationChangedPredicate{},
		predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }}))
}
