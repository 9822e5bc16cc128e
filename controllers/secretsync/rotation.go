package secretsync

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// rotationGrace is how long after its time a rotation counts as overdue. NextRotationDate is the
// start of a window within which AWS rotates, which is a day unless the rules say less (page
// "Schedule expressions in Secrets Manager rotation").
const rotationGrace = 24 * time.Hour

// describeRotation sets the condition by the secrets whose rotation is known: the first in trouble, else the
// first that rotates.
func (c *Controller) describeRotation(p *pass) {
	var worst *metav1.Condition
	known, another := false, false
	for n, one := range p.inputs {
		version := one.observation.Version
		if synced := p.synced(n, one); synced != nil && synced.ARN != version.ARN {
			another = true
		}
		if version.Rotation == nil {
			continue
		}
		known = true
		if health := rotationHealth(version.Rotation, c.Clock.Now()); worst == nil || graver(health.Status) > graver(worst.Status) {
			worst = &health
		}
	}
	switch {
	case known:
		c.set(p, *worst)
	case p.observed && another:
		// What was said of another secret's rotation holds no more.
		meta.RemoveStatusCondition(&p.sync.Status.Conditions, v1alpha1.ConditionRotationHealthy)
	}
}

// graver orders the states of rotations: what is in trouble goes before what runs, and that before what has
// no rotation.
func graver(status metav1.ConditionStatus) int {
	switch status {
	case metav1.ConditionFalse:
		return 2
	case metav1.ConditionTrue:
		return 1
	}
	return 0
}

// rotationHealth says how the rotation of a secret is, from what DescribeSecret tells.
func rotationHealth(rotation *source.Rotation, now time.Time) metav1.Condition {
	health := metav1.Condition{Type: v1alpha1.ConditionRotationHealthy, Status: metav1.ConditionTrue}
	switch {
	case !rotation.Enabled:
		health.Status = metav1.ConditionUnknown
		health.Reason = v1alpha1.ReasonRotationDisabled
		health.Message = "AWS does not rotate this secret"
	case !rotation.Next.IsZero() && now.After(rotation.Next.Add(rotationGrace)):
		health.Status = metav1.ConditionFalse
		health.Reason = v1alpha1.ReasonRotationOverdue
		health.Message = fmt.Sprintf("The rotation planned for %s did not happen: look at the rotation function's log",
			rotation.Next.UTC().Format(time.RFC3339))
	case rotation.Pending:
		health.Reason = v1alpha1.ReasonRotationInProgress
		health.Message = "A new version waits under AWSPENDING"
	default:
		health.Reason = v1alpha1.ReasonRotationOnSchedule
		health.Message = "AWS rotates this secret on schedule"
	}
	return health
}
