package ownwrites

import (
	"context"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// MaxWatchLag is for how long the watch may lag behind a write before the API server itself is asked.
const MaxWatchLag = 5 * time.Second

// Found is the Secret of a SecretSync as it was before AWS was asked.
type Found struct {
	// State is the Secret; what is written replaces that state alone.
	State target.State
	// Drifted says that the Secret was touched since status was written: by another writer, or by a process that could
	// not report its write.
	Drifted bool
	// Lags says that the Secret in the cache is older than this process wrote it a moment ago.
	Lags bool
}

// Detect finds out whether the Secret was touched by others since it was written. The resourceVersion in status tells, so
// that nothing is read from the API server while it was not.
func Detect(ctx context.Context, secrets *target.Writer, secretSync *v1alpha1.SecretSync, writes *Writes, seen *Seen, now time.Time) (Found, error) {
	written := seen.Secret().Latest(secretSync.Status.Secret)
	if written == nil || written.Name != secretSync.TargetName() {
		return Found{}, nil
	}
	found, err := secrets.Cached(ctx, secretSync.Namespace, written.Name)
	if err != nil || !touched(written, found) {
		return Found{State: found}, err
	}
	same := found.Exists && found.UID == written.UID
	switch behind := same && Older(found.ResourceVersion, written.ResourceVersion); {
	case behind && writes.Recent(written.ResourceVersion, now, MaxWatchLag):
		return Found{State: found, Lags: true}, nil // The write is on its way. If it never comes, a later reconcile finds out.
	case same && !behind:
		return Found{State: found, Drifted: true}, nil
	}
	// Gone from the watch, or another: deleted, without its label, or not there yet after a write of the operator. Or
	// older than status says: it may have been restored from a backup without its SecretSync.
	found, err = secrets.Current(ctx, secretSync.Namespace, written.Name)
	if Older(found.ResourceVersion, written.ResourceVersion) {
		seen.Clear() // What was seen of it is of another past.
	}
	return Found{State: found, Drifted: touched(written, found)}, err
}

func touched(written *v1alpha1.SecretStatus, found target.State) bool {
	return !found.Exists || found.UID != written.UID || found.ResourceVersion != written.ResourceVersion
}
