package ownwrites

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// Writes tells what the watch shows of the operator's own writes of a Secret from what others do to it. The watch is
// often faster than the answer to the write. The zero value is ready; any goroutine may call its methods.
type Writes struct {
	mutex sync.Mutex
	// last is the Secret's resourceVersion after the last write, at is when that was.
	last string
	at   time.Time
	// writing says that a write is under way, watched is the newest resourceVersion that the watch has shown meanwhile.
	writing bool
	watched string
}

// Begin is called before a write of the Secret.
func (w *Writes) Begin() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.writing, w.watched = true, ""
}

// End is called after it, with the resourceVersion that it gave the Secret, or nothing after a failure. It says whether
// another writer has touched the Secret meanwhile.
func (w *Writes) End(resourceVersion string, now time.Time) (touched bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	touched = w.watched != "" && !Older(w.watched, resourceVersion) && w.watched != resourceVersion
	w.writing, w.watched = false, ""
	if resourceVersion != "" {
		w.last, w.at = resourceVersion, now
	}
	return touched
}

// Own says whether a resourceVersion that the watch shows comes from a write of the operator. While a write is under way
// that is not known yet, and End tells.
func (w *Writes) Own(resourceVersion string) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.writing {
		if w.watched == "" || Older(w.watched, resourceVersion) {
			w.watched = resourceVersion
		}
		return true
	}
	return w.last == resourceVersion
}

// Recent says whether a resourceVersion comes from the last write, less than so long ago.
func (w *Writes) Recent(resourceVersion string, now time.Time, within time.Duration) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.last == resourceVersion && now.Sub(w.at) < within
}

// Forget has the next state that the watch shows count as another writer's, whatever resourceVersion it has: after a
// restore of etcd the resourceVersions of the operator's writes come again, for writes of others.
func (w *Writes) Forget() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.last = ""
}

// Older compares resource versions; those that can't be compared are not older.
func Older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}
