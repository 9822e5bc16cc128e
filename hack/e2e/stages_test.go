package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestStagesStayConsistent: a reader of the Secret sees, while AWS rotates repeatedly, two versions that had the two
// labels at the same moment, never the same version twice nor a mix of two rotations.
func TestStagesStayConsistent(t *testing.T) {
	const rotations = 200
	s := newSetup(t)
	versions := []string{value(), value()}
	id, _ := s.createSecret("pair", versions[0])
	s.putValue(id, versions[1])
	s.sync("pair", v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Data: []v1alpha1.DataKey{{Key: "current"}, {Key: "previous", Source: &v1alpha1.EntrySource{VersionStage: "AWSPREVIOUS"}}},
	})
	s.awaitKeys("pair", map[string]string{"current": versions[1], "previous": versions[0]})

	seen, stop := newPairs(), make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { seen.read(t.Context(), s, stop) })
	for n := range rotations {
		next := value()
		versions = append(versions, next)
		s.putValue(id, next)
		switch n % 5 {
		case 0: // The next rotations happen while values are read for this one.
			s.askForRefresh("pair", fmt.Sprint(n))
		case 4:
			s.askForRefresh("pair", fmt.Sprint(n))
			s.awaitKeys("pair", map[string]string{"current": next, "previous": versions[len(versions)-2]})
		}
	}
	last := len(versions) - 1
	s.awaitKeys("pair", map[string]string{"current": versions[last], "previous": versions[last-1]})
	close(stop)
	reader.Wait()
	order := map[string]int{}
	for n, version := range versions {
		order[version] = n
	}
	for pair := range seen.all {
		if order[pair[0]] != order[pair[1]]+1 {
			t.Errorf("version %d stood beside version %d", order[pair[0]], order[pair[1]])
		}
	}
	if len(seen.all) < rotations/5 || seen.err != nil {
		t.Errorf("only %d pairs were seen: %v", len(seen.all), seen.err)
	}
}

// pairs are the pairs of values that a Secret held at the same time.
type pairs struct {
	all map[[2]string]bool
	err error
}

func newPairs() *pairs { return &pairs{all: map[[2]string]bool{}} }

// read watches a Secret until the test stops it.
func (p *pairs) read(ctx context.Context, s *setup, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		found := &corev1.Secret{}
		if p.err = s.env.Client.Get(ctx, s.key("pair"), found); p.err != nil {
			return
		}
		p.all[[2]string{string(found.Data["current"]), string(found.Data["previous"])}] = true
	}
}

// askForRefresh requests a refresh, and does not wait for it.
func (s *setup) askForRefresh(name, token string) {
	s.Helper()
	s.edit(name, func(secretSync *v1alpha1.SecretSync) {
		metav1.SetMetaDataAnnotation(&secretSync.ObjectMeta, v1alpha1.AnnotationRefreshRequestedAt, token)
	})
}

// TestFormerValuesStayBesideTheirSuccessors: keepPrevious adds former values at a rotation and removes them in time, or
// after a restart if the operator was stopped when they expired.
func TestFormerValuesStayBesideTheirSuccessors(t *testing.T) {
	s := newSetup(t)
	old, young := value(), value()
	id, _ := s.createSecret("grace", `{"password":"`+old+`"}`)
	s.sync("grace", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}})
	s.awaitKeys("grace", map[string]string{"password": old})
	s.putValue(id, `{"password":"`+young+`"}`)
	s.awaitKeys("grace", map[string]string{"password": young, "password_previous": old})
	var found *v1alpha1.SecretSync
	s.await("status says how long they stay", func() bool { // Status is written after the Secret.
		found = s.get("grace")
		return found.Status.PreviousUntil != nil
	})
	if until := found.Status.PreviousUntil; time.Until(until.Time) < 50*time.Minute {
		t.Errorf("they stay until %v", until)
	}
	// The former values have expired; the spec has not changed.
	before := found.DeepCopy()
	found.Status.PreviousUntil = &metav1.Time{Time: time.Now().Add(-time.Second)}
	if err := s.env.Client.Status().Patch(t.Context(), found, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	s.awaitKeys("grace", map[string]string{"password": young})
	s.await("status no longer says how long they stay", func() bool { return s.get("grace").Status.PreviousUntil == nil })
}
