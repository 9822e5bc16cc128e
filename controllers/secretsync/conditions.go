package secretsync

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// conditions is what metrics show of the status of a SecretSync. Any goroutine may call its methods. The zero value
// knows nothing.
type conditions struct {
	mutex sync.Mutex
	known summary
}

// summary is a short form of a status. The zero value is of a status that is not known.
type summary struct {
	// ready and reason are those of the condition Ready, since is when its status changed last.
	ready  metav1.ConditionStatus
	reason string
	since  time.Time
	// rotation and restarts are the reasons of the conditions RotationHealthy and WorkloadsRestarted; empty for none.
	rotation, restarts string
	// oldest is when the oldest version in the Secret was created, former versions aside; zero if AWS has not said it.
	oldest time.Time
}

// read notes a status as it was read, unless one is known: this process writes status, and the cache may lag.
func (c *conditions) read(status *v1alpha1.SecretSyncStatus) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.known.ready == "" {
		c.known = summarize(status)
	}
}

// wrote notes a status that was written, or found to be up to date.
func (c *conditions) wrote(status *v1alpha1.SecretSyncStatus) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.known = summarize(status)
}

func (c *conditions) summary() summary {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.known
}

// summarize is called at each poll and must not allocate.
func summarize(status *v1alpha1.SecretSyncStatus) (s summary) {
	if ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); ready != nil {
		s.ready, s.reason, s.since = ready.Status, ready.Reason, ready.LastTransitionTime.Time
	}
	if rotation := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRotationHealthy); rotation != nil {
		s.rotation = rotation.Reason
	}
	if restarts := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionWorkloadsRestarted); restarts != nil {
		s.restarts = restarts.Reason
	}
	for i := range status.Sources {
		created := resolve.CreatedAt(&status.Sources[i])
		if status.Sources[i].VersionStage == resolve.StagePrevious || created.IsZero() {
			continue
		}
		if s.oldest.IsZero() || created.Before(s.oldest) {
			s.oldest = created
		}
	}
	return s
}
