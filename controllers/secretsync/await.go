package secretsync

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// awaitedMost bounds how many Secrets are watched one by one; further SecretSyncs wait for their next try.
const awaitedMost = 100

// Watcher watches objects at the API server itself.
type Watcher interface {
	Watch(ctx context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error)
}

// awaits watches single Secrets, which the cache does not hold as they lack the label: those that a SecretSync is to
// merge into and that do not exist yet, and those that are in the way of one. A watch of one object costs the API
// server little; the kubelet watches the Secrets of its pods in the same way.
type awaits struct {
	mutex   sync.Mutex
	watches map[types.NamespacedName]*await
	stopped bool
}

// await is the watch for one SecretSync.
type await struct {
	secret string
	end    context.CancelFunc
}

// awaitSecret watches the Secret that is in the way of a SecretSync or missing, and ends its watch once it is
// neither.
func (c *Controller) awaitSecret(ctx context.Context, p *pass) {
	name, blocked := client.ObjectKeyFromObject(p.sync), p.memory.blocked
	secret := types.NamespacedName{Namespace: name.Namespace, Name: p.sync.TargetName()}
	if blocked.since.IsZero() {
		c.awaits.end(name)
		return
	}
	if cached, err := c.secrets.Cached(ctx, secret.Namespace, secret.Name); c.Watcher == nil || err != nil || cached.Exists {
		return // The cache's own watch sees what happens to it.
	}
	// It goes on after the pass.
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	one := &await{secret: secret.Name, end: end}
	if !c.awaits.begin(name, one) {
		end()
		return
	}
	go func() {
		ended := c.awaitChange(watching, secret, blocked)
		c.awaits.done(name, one) // First: the pass that follows may have to wait for the next change.
		if !ended {
			return
		}
		c.memories.wake(name, true)
		c.turns.add([]reconcile.Request{{NamespacedName: name}})
	}()
}

// awaitChange waits until a Secret that is in the way goes or is handed over, or until one that is missing is there; it
// is false where the watch ends before that.
func (c *Controller) awaitChange(ctx context.Context, secret types.NamespacedName, blocked blockage) bool {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(target.SecretMetadata().GroupVersionKind())
	list.Kind += "List"
	watched, err := c.Watcher.Watch(ctx, list, client.InNamespace(secret.Namespace), client.MatchingFields{metav1.ObjectNameField: secret.Name})
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("watching a Secret failed", "secret", secret.Name, "error", err.Error())
		return false
	}
	defer watched.Stop()
	if blocked.secret.Exists { // A watch does not tell of what was deleted before it began.
		if now, err := c.secrets.Current(ctx, secret.Namespace, secret.Name); err == nil && !now.Exists {
			return true
		}
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case event, open := <-watched.ResultChan():
			if !open || event.Type == watch.Error {
				return false
			}
			if is, ok := event.Object.(client.Object); ok && is.GetName() == secret.Name && changed(event.Type, is, blocked) {
				return true
			}
		}
	}
}

// changed says whether an event may let a SecretSync have the Secret. That it is there as before is what each watch
// begins with.
func changed(kind watch.EventType, is client.Object, blocked blockage) bool {
	was := blocked.secret
	switch {
	case kind == watch.Deleted:
		return was.Exists
	case kind == watch.Bookmark || string(is.GetUID()) == was.UID && is.GetResourceVersion() == was.ResourceVersion:
		return false
	case string(is.GetUID()) != was.UID:
		return true
	}
	return blocked.key || is.GetAnnotations()[v1alpha1.AnnotationOwner] != was.Owner
}

// begin is false where the Secret is watched already, or too many are.
func (a *awaits) begin(name types.NamespacedName, one *await) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	former, known := a.watches[name]
	if known && former.secret == one.secret || !known && len(a.watches) >= awaitedMost || a.stopped {
		return false
	}
	if known {
		former.end()
	}
	if a.watches == nil {
		a.watches = map[types.NamespacedName]*await{}
	}
	a.watches[name] = one
	return true
}

// done forgets a watch that has ended.
func (a *awaits) done(name types.NamespacedName, one *await) {
	one.end()
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.watches[name] == one {
		delete(a.watches, name)
	}
}

// end ends the watch for a SecretSync.
func (a *awaits) end(name types.NamespacedName) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if one, known := a.watches[name]; known {
		one.end()
		delete(a.watches, name)
	}
}

// stop ends all watches, and lets none begin.
func (a *awaits) stop() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.stopped = true
	for _, one := range a.watches {
		one.end()
	}
}
