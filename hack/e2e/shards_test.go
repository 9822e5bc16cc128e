package e2e

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// shardKey is the label that the documentation suggests.
const shardKey = "sharding.secretsync.dev/key"

// shards replaces the manager of all SecretSyncs by one for the SecretSyncs of shard a and one for those without a
// shard.
func (s *setup) shards() (a, rest *testenv.Manager) {
	s.Helper()
	s.end((*testenv.Manager).Stop)
	s.Cleanup(func() { s.start("after-shards") })
	shard := func(name, selector string) *testenv.Manager {
		// Only in this namespace: objects of earlier tests may still be written.
		manager, err := s.env.StartManager(name, "--watch-label-selector="+selector, "--watch-namespaces="+s.namespace)
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() {
			if err := end(context.Background(), manager, (*testenv.Manager).Stop); err != nil {
				s.Error(err)
			}
		})
		return manager
	}
	return shard("shard-a", shardKey+"=a"), shard("shard-rest", "!"+shardKey)
}

// writes is how many writes of Secrets an operator has done so far.
func (s *setup) writes(by *testenv.Manager) (sum int) {
	s.Helper()
	metrics, err := scrape(s.Context(), by)
	if err != nil {
		s.Fatal(err)
	}
	for line := range bytes.Lines(metrics) {
		for _, outcome := range []string{"created", "updated", "repaired"} {
			if count, found := strings.CutPrefix(string(line), `secretsync_syncs_total{outcome="`+outcome+`",reason=""} `); found {
				written, err := strconv.Atoi(strings.TrimSpace(count))
				if err != nil {
					s.Fatal(err)
				}
				sum += written
			}
		}
	}
	return sum
}

func (s *setup) follow(name, id, shard string, target v1alpha1.SecretTarget) {
	s.Helper()
	made := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Target: target}}
	if shard != "" {
		made.Labels = map[string]string{shardKey: shard}
	}
	if err := s.env.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

func (s *setup) moveTo(shard string, names ...string) {
	s.Helper()
	for _, name := range names {
		s.edit(name, func(secretSync *v1alpha1.SecretSync) {
			if secretSync.Labels = map[string]string{shardKey: shard}; shard == "" {
				secretSync.Labels = nil
			}
		})
	}
}

// TestShards: each operator works on its own SecretSyncs. The Secret of a SecretSync that moves to another shard is
// neither rewritten nor lost.
func TestShards(t *testing.T) {
	s := newSetup(t)
	a, rest := s.shards()
	first, second := value(), value()
	id, _ := s.createSecret("db", first)
	others := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "others", Annotations: anyMayMerge()}, Data: map[string][]byte{"theirs": []byte("x")}}
	if err := s.env.Client.Create(t.Context(), others); err != nil {
		t.Fatal(err)
	}
	s.follow("in-a", id, "a", v1alpha1.SecretTarget{})
	s.follow("in-none", id, "", v1alpha1.SecretTarget{})
	s.follow("merged", id, "", v1alpha1.SecretTarget{Name: "others", CreationPolicy: v1alpha1.CreationPolicyMerge})
	for _, name := range []string{"in-a", "in-none", "merged"} {
		s.awaitReady(name)
	}
	s.await("shard a has written one Secret, and the other two", func() bool { return s.writes(a) == 1 && s.writes(rest) == 2 }) // Counted after status.

	before, merged := s.secret("in-none"), s.secret("others")
	s.env.AWS.ResetCalls()
	s.moveTo("a", "in-none", "merged")
	time.Sleep(3 * fast.Duration) // Nothing may happen within a few polls.
	after, still := s.secret("in-none"), s.secret("others")
	switch {
	case after == nil:
		t.Error("the Secret was deleted because its SecretSync moved to another shard")
	case after.UID != before.UID:
		t.Error("the Secret was recreated because its SecretSync moved to another shard")
	case after.ResourceVersion != before.ResourceVersion:
		t.Error("the Secret was rewritten because its SecretSync moved to another shard")
	}
	if still.ResourceVersion != merged.ResourceVersion {
		t.Error("the Secret with merged keys was rewritten because the SecretSync moved to another shard")
	}
	if read := s.env.AWS.ValuesRead("/" + s.namespace + "/"); read != 0 {
		t.Errorf("values were read %d times because SecretSyncs moved to another shard", read)
	}

	s.putValue(id, second)
	for _, name := range []string{"in-a", "in-none"} {
		s.awaitKeys(name, map[string]string{"value": second})
	}
	s.awaitKeys("others", map[string]string{"value": second, "theirs": "x"})
	s.await("shard a has written what was moved to it", func() bool { return s.writes(a) == 4 })
	if s.writes(rest) != 2 {
		t.Errorf("the other shard wrote on: %d Secrets", s.writes(rest))
	}

	s.follow("rival", id, "", v1alpha1.SecretTarget{Name: "in-a"})
	s.awaitReason("rival", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	s.awaitEvent("rival", "SyncFailed", `belongs to SecretSync "in-a"`)
}
