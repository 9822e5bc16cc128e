package secretsync

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// attempt is one for a SecretSync as it was read, which nothing has been found out about yet.
func (e *environment) attempt(secretSync *v1alpha1.SecretSync, trigger schedule.Trigger) *attempt {
	return &attempt{
		secretSync: secretSync, readAt: secretSync.ResourceVersion, began: e.clock.Now(), trigger: trigger,
		state: e.states.of(client.ObjectKeyFromObject(secretSync), secretSync.UID),
	}
}

// firstRetry is the longest wait after a first transient failure (package schedule).
const firstRetry = time.Second
