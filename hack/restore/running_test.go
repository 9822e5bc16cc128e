package restore

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestRestoreUnderAThousand restores etcd under an operator with many SecretSyncs.
func TestRestoreUnderAThousand(t *testing.T) {
	s := newSetup(t)
	s.start()
	s.restoreUnder(200, 800)
}

// TestRestoreBehindALoadBalancer restores etcd while the operator reaches the API server only when that is ready. So
// only the restore makes its watches restart.
func TestRestoreBehindALoadBalancer(t *testing.T) {
	s := newSetup(t)
	s.balance()
	s.start()
	s.restoreUnder(5, 5)
}

// restoreUnder restores etcd, while the operator runs, to the state before a rotation that the operator has followed.
// Some SecretSyncs are polled every few seconds, the others once an hour.
func (s *setup) restoreUnder(polled, idle int) {
	often, rarely := s.follow("polled", polled, soon), s.follow("idle", idle, later)
	all := slices.Concat(often, rarely)
	s.awaitRight("the first sync")
	backup := s.backup()

	rotated := time.Now()
	s.rotate(all)
	s.refresh(rarely)
	s.awaitRight("the rotation between backup and restore")
	most := max(rightWithin, slowness*time.Since(rotated))
	s.delete(&v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: rarely[0]}})
	made := s.follow("made-since", 1, later)[0]
	s.awaitRightBut(rarely[0], "a SecretSync that is made after the backup")

	s.restore(backup)
	delete(s.wanted, made) // It is in no backup.
	began, before := time.Now(), s.reconciles()
	s.awaitRight("all are right after the restore")
	took, reconciles := time.Since(began), s.reconciles()-before
	s.Logf("%d SecretSyncs were right %s after the restore, by %.0f reconciles", len(all), took.Round(time.Second), reconciles)
	if took > most {
		s.Errorf("it took %s, more than %s", took, most)
	}
	if reconciles > float64(len(all))*(took.Seconds()+1) {
		s.Errorf("%.0f reconciles are more than one a second for each of %d SecretSyncs in %s", reconciles, len(all), took)
	}
	if stale := s.metric("secretsync_stale_objects", ""); stale != 0 {
		s.Errorf("%.0f SecretSyncs are said to be stale", stale)
	}
	if s.exists(made) {
		s.Error("the Secret of a SecretSync that is in no backup is there")
	}
	// Edits and rotations after the restore are seen.
	s.follow("made-later", 1, later)
	s.rotate(all[:1])
	s.rotate(rarely[:1])
	s.refresh(rarely[:1])
	s.awaitRight("changes after the restore")
}
