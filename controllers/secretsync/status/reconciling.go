package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// reconciling judges whether a failure is retried that may end by itself.
func reconciling(outcome *Outcome, _ *v1alpha1.SecretSyncStatus, _ time.Time) verdict {
	switch {
	case !outcome.ConcernsSync():
		return stays()
	case outcome.Failure != nil && !outcome.Failure.IsTerminal():
		return is(metav1.ConditionTrue, outcome.Failure.Reason, outcome.Failure.Message)
	}
	return removed()
}
