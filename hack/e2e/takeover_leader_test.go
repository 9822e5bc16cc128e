package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// term is a state of a Lease.
type term struct {
	holder        string
	renewed, seen time.Time
}

// terms records the states of the Leases in the operator's namespace.
type terms struct {
	mutex sync.Mutex
	all   []term
}

func (r *terms) states() []term {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]term(nil), r.all...)
}

func (r *terms) last() term {
	states := r.states()
	if len(states) == 0 {
		return term{}
	}
	return states[len(states)-1]
}

// watchLeases starts to record the Leases.
func (c *cluster) watchLeases() *terms {
	c.Helper()
	watching, err := client.NewWithWatch(c.env.Plane.Config(), client.Options{Scheme: c.env.Client.Scheme()})
	if err != nil {
		c.Fatal(err)
	}
	changes, err := watching.Watch(c.Context(), &coordinationv1.LeaseList{}, client.InNamespace(testenv.OperatorNamespace))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(changes.Stop)
	recorded := &terms{}
	go func() {
		for change := range changes.ResultChan() {
			lease, found := change.Object.(*coordinationv1.Lease)
			if !found || change.Type != watch.Added && change.Type != watch.Modified || lease.Spec.HolderIdentity == nil {
				continue
			}
			recorded.mutex.Lock()
			recorded.all = append(recorded.all, term{holder: *lease.Spec.HolderIdentity, renewed: lease.Spec.RenewTime.Time, seen: time.Now()})
			recorded.mutex.Unlock()
		}
	}()
	return recorded
}

// awaitNext waits for another holder, and says how long after something it came.
func (c *cluster) awaitNext(recorded *terms, after time.Time) time.Duration {
	c.Helper()
	former := recorded.last().holder
	c.await("another replica leads", func() bool { return recorded.last().holder != former && recorded.last().holder != "" })
	return recorded.last().seen.Sub(after)
}

// TestStandbyTakesOver: a leader that is killed, and one that is paused, are replaced by the standby replica. The one
// that was paused exits when it wakes up. Leaders write no more often than every two seconds.
func TestStandbyTakesOver(t *testing.T) {
	c := newCluster(t)
	c.install()
	c.env.Variables = append(c.env.Variables, "SECRETSYNC_LEADER_ELECTION_LEASE=8s") // The default.
	recorded := c.watchLeases()
	first := c.startAsInstalled("secretsync")
	c.await("the first leads", func() bool { return recorded.last().holder != "" })
	second := c.startAsInstalled("secretsync")
	id, _ := c.createSecret("db", value())
	c.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	c.awaitReady("db")

	killed := time.Now()
	if err := first.Kill(); err != nil {
		t.Fatalf("%v: %s", err, first.Tail())
	}
	t.Logf("%s after the leader was killed, the standby replica leads", c.awaitNext(recorded, killed).Round(time.Millisecond))
	c.checkRotates("db", id)

	third := c.startAsInstalled("secretsync")
	paused := time.Now()
	if err := second.Pause(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s after the leader was paused, the standby replica leads", c.awaitNext(recorded, paused).Round(time.Millisecond))
	version := c.checkRotates("db", id)
	if err := second.Resume(); err != nil {
		t.Fatal(err)
	}
	c.await("the former leader exits when it is resumed", func() bool {
		ended, err := second.Ended()
		if ended && err == nil {
			t.Fatal("the former leader exits as if it were stopped")
		}
		return ended
	})
	if log, err := second.Log(); err != nil || !strings.Contains(string(log), "leader election lost") {
		t.Errorf("the log of the former leader (%v) does not say why it exits: %s", err, second.Tail())
	}
	if got := c.get("db").Status.Sources[0].VersionID; got != version {
		t.Errorf("the former leader has replaced version %s by %s", version, got)
	}
	c.stop(third)
	c.checkRenewals(recorded.states())
}

// checkRotates checks that the present leader works, and returns the version that it has synced.
func (c *cluster) checkRotates(name, id string) string {
	c.Helper()
	content := value()
	version := c.putValue(id, content)
	c.awaitKeys(name, map[string]string{"value": content})
	c.await("status has the version", func() bool { return c.get(name).Status.Sources[0].VersionID == version })
	return version
}

// checkRenewals checks that no leader has renewed the Lease sooner than two seconds after its last renewal, as
// kube-scheduler does, and that there were no other requests that change a Lease.
func (c *cluster) checkRenewals(states []term) {
	c.Helper()
	for i, state := range states[1:] {
		before := states[i]
		if since := state.renewed.Sub(before.renewed); state.holder == before.holder && since < 2*time.Second {
			c.Errorf("a leader renewed its Lease after %s", since)
		}
	}
	requests, err := c.env.Plane.Requests()
	if err != nil {
		c.Fatal(err)
	}
	writes := 0
	for _, request := range requests {
		if request.Object.Resource == "leases" && request.Verb != "get" {
			writes++
		}
	}
	// A former leader may try once more to write the Lease, and is refused by its resourceVersion.
	if most := len(states) + 1; writes == 0 || writes > most {
		c.Errorf("%d requests to change the Lease, and %d states of it", writes, len(states))
	}
	c.Logf("%d requests to change the Lease, %d states of it", writes, len(states))
}
