package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
)

// TestWhatIsPending: a revision of the Secret that workloads were not restarted for.
func TestWhatIsPending(t *testing.T) {
	changed := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	policy := v1alpha1.Rollout{IgnoreKeys: []string{"note"}}
	for name, test := range map[string]struct {
		change func(*v1alpha1.SecretSyncStatus)
		want   bool
	}{
		"a revision that is not handled": {func(*v1alpha1.SecretSyncStatus) {}, true},
		"one that is":                    {func(status *v1alpha1.SecretSyncStatus) { status.Rollout.HandledRevision = "v2" }, false},
		"one without a time":             {func(status *v1alpha1.SecretSyncStatus) { status.Rollout.ChangedTime = nil }, false},
		"one without a Secret":           {func(status *v1alpha1.SecretSyncStatus) { status.Secret = nil }, false},
		"none":                           {func(status *v1alpha1.SecretSyncStatus) { status.Rollout = nil }, false},
	} {
		secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db"}}
		secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db"}
		secretSync.Status.Rollout = &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: &metav1.Time{Time: changed}}
		test.change(&secretSync.Status)
		change, pending := PendingRollout(secretSync, policy)
		want := rollout.Change{}
		if test.want {
			want = rollout.Change{Namespace: "payments", Name: "db", Secret: "db", Revision: "v2", Handled: "v1", Changed: changed, Policy: policy}
		}
		if diff := cmp.Diff(want, change); pending != test.want || diff != "" {
			t.Errorf("%s: pending: %v\n%s", name, pending, diff)
		}
	}
}
