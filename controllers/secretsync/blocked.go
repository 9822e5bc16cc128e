package secretsync

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// unblockWait is the least time between two tries of a blocked SecretSync: the Secret in its way may be written all
// the time.
const unblockWait = 2 * time.Second

// blockage is why the last try failed, where a Secret was in the way or missing.
type blockage struct {
	// since is when the try failed; zero while nothing is in the way.
	since time.Time
	// secret is the one in the way; it does not exist where one is missing.
	secret target.State
	// key says that it is a key of the Secret that is in the way.
	key bool
}

// noteBlocked notes what a pass has failed at, where that ends with a change of a Secret.
func (c *Controller) noteBlocked(ctx context.Context, p *pass, f *failure) {
	if f == nil && p.trigger == triggerNone {
		return // Nothing was tried.
	}
	p.memory.blocked = blockage{}
	refused, ok := errors.AsType[*target.Error](p.err)
	if ok && waitsForSecret(refused.Reason) {
		p.memory.blocked = blockage{since: c.Clock.Now(), secret: refused.ConflictingSecret, key: refused.KeyConflict}
	}
	c.awaitSecret(ctx, p)
}

// waitsForSecret says whether a change of the Secret may end a refusal.
func waitsForSecret(reason string) bool {
	return reason == v1alpha1.ReasonTargetConflict || reason == v1alpha1.ReasonTargetNotFound || reason == v1alpha1.ReasonMergeNotAllowed
}

// unblock brings the next try forward where the Secret that was in the way or missing may no longer be so.
func (c *Controller) unblock(ctx context.Context, p *pass) {
	blocked, name := p.memory.blocked, client.ObjectKeyFromObject(p.sync)
	woken, surely := c.memories.takeWoken(name)
	if !woken || blocked.since.IsZero() {
		return
	}
	next := blocked.since.Add(unblockWait)
	if !blocked.key {
		seen, err := c.secrets.Cached(ctx, name.Namespace, p.sync.TargetName())
		switch {
		case err != nil:
		case !seen.Exists:
			next = c.Clock.Now() // Each moment without a Secret counts.
		case !surely && seen.UID == blocked.secret.UID && seen.Owner == blocked.secret.Owner:
			return // Only its content has changed.
		}
	}
	p.memory.nextLook.set(earlier(p.memory.nextLook.get(), next))
}

// wake notes that a SecretSync may no longer be blocked. It is not sure where its Secret has changed in any way.
func (m *memories) wake(name types.NamespacedName, surely bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.woken[name] = m.woken[name] || surely
}

func (m *memories) takeWoken(name types.NamespacedName) (woken, surely bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	surely, woken = m.woken[name]
	delete(m.woken, name)
	return woken, surely
}

// claimants are the SecretSyncs that want a Secret of that name.
func (c *Controller) claimants(ctx context.Context, namespace, secret string) ([]v1alpha1.SecretSync, error) {
	var syncs v1alpha1.SecretSyncList
	err := c.Client.List(ctx, &syncs, client.InNamespace(namespace), client.MatchingFields{targetIndex: secret}, client.UnsafeDisableDeepCopy)
	return syncs.Items, err
}

// wakeAll wakes the SecretSyncs that want a Secret, but for one, and lists them for the queue.
func (c *Controller) wakeAll(ctx context.Context, secret types.NamespacedName, but string, surely bool) []reconcile.Request {
	syncs, err := c.claimants(ctx, secret.Namespace, secret.Name)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing SecretSyncs of a Secret failed", "secret", secret)
		return nil
	}
	requests := make([]reconcile.Request, 0, len(syncs))
	for i := range syncs {
		if syncs[i].Name == but {
			continue
		}
		name := client.ObjectKeyFromObject(&syncs[i])
		c.memories.wake(name, surely)
		requests = append(requests, reconcile.Request{NamespacedName: name})
	}
	return requests
}

// rivalsOf lists the SecretSyncs that want a Secret which another SecretSync wants or has written: its deletion, or
// an edit of its spec, may let them have it.
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

// letsGo are the changes of a SecretSync after which another one may have its Secret.
func letsGo() builder.Predicates {
	return builder.WithPredicates(predicate.And(predicate.GenerationChangedPredicate{},
		predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }}))
}

// heir is the SecretSync that is to have a Secret which its owner no longer wants; nil where none waits for it.
func (c *Controller) heir(ctx context.Context, owner *v1alpha1.SecretSync, secret string) (*v1alpha1.SecretSync, error) {
	syncs, err := c.claimants(ctx, owner.Namespace, secret)
	if err != nil {
		return nil, err
	}
	syncs = slices.DeleteFunc(slices.Clone(syncs), func(secretSync v1alpha1.SecretSync) bool {
		return secretSync.Name == owner.Name || goes(&secretSync) || secretSync.Spec.Target.Merges() || secretSync.Spec.Suspend || observes(&secretSync)
	})
	if len(syncs) == 0 {
		return nil, nil
	}
	first := slices.MinFunc(syncs, func(a, b v1alpha1.SecretSync) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return first.DeepCopy(), nil
}
