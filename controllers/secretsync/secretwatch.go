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

// maxSecretWatches bounds how many Secrets are watched one by one; further SecretSyncs wait for their next try.
const maxSecretWatches = 100

// Watcher watches objects at the API server itself.
type Watcher interface {
	Watch(ctx context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error)
}

// secretWatches watches single Secrets, which the cache does not hold as they lack the label: those that a SecretSync is
// to merge into and that do not exist yet, and those that are in the way of one. A watch of one object costs the API
// server little; the kubelet watches the Secrets of its pods in the same way. Any goroutine may call its methods.
type secretWatches struct {
	mutex   sync.Mutex
	watches map[types.NamespacedName]*secretWatch
	stopped bool
}

// secretWatch is the watch for one SecretSync.
type secretWatch struct {
	secret string
	end    context.CancelFunc
}

// watchSecret watches the Secret that is in the way of a SecretSync or missing, and ends its watch once it is neither.
func (c *Controller) watchSecret(ctx context.Context, secretSync *v1alpha1.SecretSync, last blocked) {
	name := client.ObjectKeyFromObject(secretSync)
	secret := types.NamespacedName{Namespace: name.Namespace, Name: secretSync.TargetName()}
	if last.since.IsZero() {
		c.secretWatches.end(name)
		return
	}
	if cached, err := c.secrets.Cached(ctx, secret.Namespace, secret.Name); c.options.Watcher == nil || err != nil || cached.Exists {
		return // The cache's own watch shows what happens to it.
	}
	// It goes on after the reconcile.
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	begun := &secretWatch{secret: secret.Name, end: end}
	if !c.secretWatches.begin(name, begun) {
		end()
		return
	}
	go func() {
		changed := c.awaitChange(watching, secret, last)
		c.secretWatches.done(name, begun) // First: the reconcile that follows may have to wait for the next change.
		if !changed {
			return
		}
		c.wakes.wake(name, true)
		c.inserter.Add([]reconcile.Request{{NamespacedName: name}})
	}()
}

// awaitChange waits until a Secret that is in the way is deleted or handed over, or until one that is missing is there; it
// is false where the watch ends before that.
func (c *Controller) awaitChange(ctx context.Context, secret types.NamespacedName, last blocked) bool {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(target.SecretMetadata().GroupVersionKind())
	list.Kind += "List"
	watched, err := c.options.Watcher.Watch(ctx, list, client.InNamespace(secret.Namespace), client.MatchingFields{metav1.ObjectNameField: secret.Name})
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("watching a Secret failed", "namespace", secret.Namespace, "secret", secret.Name, "error", err.Error())
		return false
	}
	defer watched.Stop()
	if last.secret.Exists { // A watch does not show what was deleted before it began.
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
			if now, ok := event.Object.(client.Object); ok && now.GetName() == secret.Name && frees(event.Type, now, last) {
				return true
			}
		}
	}
}

// frees says whether an event may let a SecretSync have the Secret. That it is there as before is what each watch begins
// with.
func frees(kind watch.EventType, now client.Object, last blocked) bool {
	was := last.secret
	switch {
	case kind == watch.Deleted:
		return was.Exists
	case kind == watch.Bookmark || string(now.GetUID()) == was.UID && now.GetResourceVersion() == was.ResourceVersion:
		return false
	case string(now.GetUID()) != was.UID:
		return true
	}
	return last.key || now.GetAnnotations()[v1alpha1.AnnotationOwner] != was.Owner
}

// begin is false where the Secret is watched already, or too many are.
func (w *secretWatches) begin(name types.NamespacedName, begun *secretWatch) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	former, known := w.watches[name]
	if known && former.secret == begun.secret || !known && len(w.watches) >= maxSecretWatches || w.stopped {
		return false
	}
	if known {
		former.end()
	}
	if w.watches == nil {
		w.watches = map[types.NamespacedName]*secretWatch{}
	}
	w.watches[name] = begun
	return true
}

// done forgets a watch that has ended.
func (w *secretWatches) done(name types.NamespacedName, ended *secretWatch) {
	ended.end()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.watches[name] == ended {
		delete(w.watches, name)
	}
}

// end ends the watch for a SecretSync.
func (w *secretWatches) end(name types.NamespacedName) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if running, known := w.watches[name]; known {
		running.end()
		delete(w.watches, name)
	}
}

// stop ends all watches, and lets none begin.
func (w *secretWatches) stop() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.stopped = true
	for _, running := range w.watches {
		running.end()
	}
}
