package secretsync

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func TestRotationHealth(t *testing.T) {
	for name, test := range map[string]struct {
		rotation source.Rotation
		status   metav1.ConditionStatus
		reason   string
	}{
		"off":                       {source.Rotation{}, metav1.ConditionUnknown, v1alpha1.ReasonRotationDisabled},
		"off, with AWSPENDING":      {source.Rotation{Pending: true}, metav1.ConditionUnknown, v1alpha1.ReasonRotationDisabled},
		"planned":                   {source.Rotation{Enabled: true, Next: noon.Add(time.Hour)}, metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule},
		"on, and not planned":       {source.Rotation{Enabled: true}, metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule},
		"due, within its window":    {source.Rotation{Enabled: true, Next: noon.Add(-rotationGrace)}, metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule},
		"under way":                 {source.Rotation{Enabled: true, Pending: true}, metav1.ConditionTrue, v1alpha1.ReasonRotationInProgress},
		"overdue":                   {source.Rotation{Enabled: true, Next: noon.Add(-rotationGrace - 1)}, metav1.ConditionFalse, v1alpha1.ReasonRotationOverdue},
		"overdue, stuck in pending": {source.Rotation{Enabled: true, Pending: true, Next: noon.Add(-48 * time.Hour)}, metav1.ConditionFalse, v1alpha1.ReasonRotationOverdue},
	} {
		if got := rotationHealth(&test.rotation, noon); got.Status != test.status || got.Reason != test.reason || got.Message == "" {
			t.Errorf("%s: %s %s", name, got.Status, got.Reason)
		}
	}
}
