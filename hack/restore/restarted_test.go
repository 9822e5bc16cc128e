package restore

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestRestoreBeforeAStart restores etcd while no operator runs. The operator that is started then follows rotations at
// its polls, and on a requested refresh.
func TestRestoreBeforeAStart(t *testing.T) {
	s := newSetup(t)
	s.start()
	often, rarely := s.follow("polled", 10, soon), s.follow("idle", 10, later)
	s.awaitRight("the first sync")
	backup := s.backup()
	s.rotate(slices.Concat(often, rarely))
	s.refresh(rarely)
	s.awaitRight("the rotation between backup and restore")
	s.stop()
	s.restore(backup)
	s.start()
	s.refresh(rarely)
	s.awaitRight("all are right after the restore and a start")
}

// TestSecretAndSecretSyncRestoredApart restores, as backup tools do, a Secret without its SecretSync and the other
// way round, while the operator runs and while it does not.
func TestSecretAndSecretSyncRestoredApart(t *testing.T) {
	s := newSetup(t)
	s.start()
	names := s.follow("db", 6, later)
	s.awaitRight("the first sync")
	saved := map[string]saved{}
	for _, name := range names {
		saved[name] = s.save(name)
	}
	s.rotate(names)
	s.refresh(names)
	s.awaitRight("the rotation after the backup")

	putBack := func(names []string) {
		s.recreateSecret(saved[names[0]])
		s.overwriteSecret(saved[names[1]])
		s.recreateSecretSync(saved[names[2]])
	}
	putBack(names[:3])
	s.awaitRight("what was put back under the operator")
	s.stop()
	putBack(names[3:])
	s.start()
	s.refresh(names[5:]) // Their Secrets match status, so that nothing triggers a poll before the interval ends.
	s.awaitRight("what was put back while no operator ran")
}

// saved are a Secret and its SecretSync as in a backup.
type saved struct {
	sync   *v1alpha1.SecretSync
	secret *corev1.Secret
}

func (s *setup) save(name string) saved {
	s.Helper()
	kept := saved{&v1alpha1.SecretSync{}, &corev1.Secret{}}
	for _, object := range []client.Object{kept.sync, kept.secret} {
		if err := s.env.Client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, object); err != nil {
			s.Fatal(err)
		}
	}
	return kept
}

// recreateSecret deletes a Secret and creates it as it was saved.
func (s *setup) recreateSecret(kept saved) {
	s.Helper()
	s.delete(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: kept.secret.Namespace, Name: kept.secret.Name}})
	made := kept.secret.DeepCopy()
	made.UID, made.ResourceVersion, made.ManagedFields = "", "", nil
	// The operator may have recreated it already: then it is overwritten.
	if err := s.env.Client.Create(s.Context(), made); err != nil {
		s.overwriteSecret(kept)
	}
}

// overwriteSecret gives a Secret the values that were saved, and the annotations with them.
func (s *setup) overwriteSecret(kept saved) {
	s.Helper()
	made := kept.secret.DeepCopy()
	made.UID, made.ResourceVersion, made.ManagedFields = "", "", nil
	if err := s.env.Client.Update(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

// recreateSecretSync deletes a SecretSync, leaves its Secret, and creates it as it was saved, with its status.
func (s *setup) recreateSecretSync(kept saved) {
	s.Helper()
	s.delete(&v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: kept.sync.Namespace, Name: kept.sync.Name}}, client.PropagationPolicy(metav1.DeletePropagationOrphan))
	made := kept.sync.DeepCopy()
	made.UID, made.ResourceVersion, made.ManagedFields = "", "", nil
	if err := s.env.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
	patch := client.MergeFrom(made.DeepCopy())
	made.Status = kept.sync.Status
	if err := s.env.Client.Status().Patch(s.Context(), made, patch); err != nil {
		s.Fatal(err)
	}
}
