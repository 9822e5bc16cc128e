package secretsync

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// echo tells what the watch says of our own writes of a Secret, which is no news, from what others do
// to it. The watch is often faster than the answer to the write.
type echo struct {
	// written is the Secret's resourceVersion after our last write.
	written string
	// writing says that a write is under way; seen is the newest resourceVersion watched meanwhile.
	writing bool
	seen    string
}

// beginWrite is called before a write of the Secret.
func (m *memories) beginWrite(of *memory) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	of.secret.writing, of.secret.seen = true, ""
}

// endWrite is called after it, with the resourceVersion that it gave the Secret, or nothing after a
// failure. It says whether somebody else has touched the Secret meanwhile.
func (m *memories) endWrite(of *memory, resourceVersion string) (touched bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	e := &of.secret
	touched = e.seen != "" && !older(e.seen, resourceVersion) && e.seen != resourceVersion
	e.writing, e.seen = false, ""
	if resourceVersion != "" {
		e.written = resourceVersion
	}
	return touched
}

// echoed says whether a resourceVersion of a Secret is no news. While a write is under way that is
// not known yet, and endWrite tells.
func (m *memories) echoed(name types.NamespacedName, resourceVersion string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	one, known := m.byName[name]
	if !known {
		return false
	}
	if e := &one.secret; e.writing {
		if e.seen == "" || older(e.seen, resourceVersion) {
			e.seen = resourceVersion
		}
		return true
	}
	return one.secret.written == resourceVersion
}

// wroteLast says whether a resourceVersion is that of this process's last write of the Secret.
func (m *memories) wroteLast(of *memory, resourceVersion string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return of.secret.written == resourceVersion
}

// forgetWrite has the next that the watch says of the Secret be news, whatever number it has: after a restore of etcd
// the numbers of our writes come again, and are others' then.
func (m *memories) forgetWrite(name types.NamespacedName) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if one, known := m.byName[name]; known {
		one.secret.written = ""
		one.seen.Store(nil)
	}
}

// echoes keeps out what the watch says of our own writes. A deletion is never one, even where the
// watch has missed it and shows the Secret as it was.
func (c *Controller) echoes() predicate.Predicate {
	owner := func(secret client.Object) types.NamespacedName {
		return types.NamespacedName{Namespace: secret.GetNamespace(), Name: secret.GetAnnotations()[v1alpha1.AnnotationOwner]}
	}
	news := func(secret client.Object) bool { return !c.memories.echoed(owner(secret), secret.GetResourceVersion()) }
	return predicate.Funcs{
		CreateFunc: func(created event.CreateEvent) bool { return news(created.Object) },
		UpdateFunc: func(update event.UpdateEvent) bool {
			if older(update.ObjectNew.GetResourceVersion(), update.ObjectOld.GetResourceVersion()) {
				c.memories.forgetWrite(owner(update.ObjectOld))
			}
			return news(update.ObjectNew)
		},
	}
}
