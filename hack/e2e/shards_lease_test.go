package e2e

import (
	"net/url"
	"slices"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// selectorsAsked are the label selectors of all list and watch requests for SecretSyncs, by which operators fill their
// caches, each once.
func (c *cluster) selectorsAsked() []string {
	c.Helper()
	requests, err := c.env.Plane.Requests()
	if err != nil {
		c.Fatal(err)
	}
	var selectors []string
	for _, request := range requests {
		if request.Object.Resource != "secretsyncs" || request.Verb != "list" && request.Verb != "watch" {
			continue
		}
		asked, err := url.Parse(request.URI)
		if err != nil {
			c.Fatal(err)
		}
		selectors = append(selectors, asked.Query().Get("labelSelector"))
	}
	slices.Sort(selectors)
	return slices.Compact(selectors)
}

// holders are the holders of the Leases in the operator's namespace, by the name of the Lease.
func (c *cluster) holders() map[string]string {
	c.Helper()
	var leases coordinationv1.LeaseList
	if err := c.env.Client.List(c.Context(), &leases, client.InNamespace(testenv.OperatorNamespace)); err != nil {
		c.Fatal(err)
	}
	held := map[string]string{}
	for _, lease := range leases.Items {
		if lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
			held[lease.Name] = *lease.Spec.HolderIdentity
		}
	}
	return held
}

// TestShardsElectTheirOwnLeaders: as Helm installs them, two shards work in one namespace at the same time. A second
// replica of a shard waits and takes over, and no shard is sent objects of another shard.
func TestShardsElectTheirOwnLeaders(t *testing.T) {
	c := newCluster(t)
	c.install("--set", "watchLabelSelector=!"+shardKey)
	rest := c.startAsInstalled("secretsync")
	c.release = "secretsync-a"
	c.install("--set", "watchLabelSelector="+shardKey+"=a", "--set", "crds.enabled=false")
	a := c.startAsInstalled("secretsync-a")
	c.await("each shard has a leader", func() bool { return len(c.holders()) == 2 })
	first := c.holders()
	standby := c.startAsInstalled("secretsync-a")

	id, _ := c.createSecret("db", value())
	c.follow("in-a", id, "a", v1alpha1.SecretTarget{})
	c.follow("in-none", id, "", v1alpha1.SecretTarget{})
	c.awaitReady("in-a")
	c.awaitReady("in-none")
	if now := c.holders(); len(now) != 2 || !sameHolders(first, now) {
		t.Errorf("a second replica changed the leaders from %v to %v", first, now)
	}
	if asked := c.selectorsAsked(); !slices.Equal(asked, []string{"!" + shardKey, shardKey + "=a"}) {
		t.Errorf("SecretSyncs were requested by the selectors %q", asked)
	}

	c.stop(a)
	c.follow("after", id, "a", v1alpha1.SecretTarget{})
	c.awaitReason("after", metav1.ConditionTrue, v1alpha1.ReasonSynced)
	if now := c.holders(); len(now) != 2 || sameHolders(first, now) {
		t.Errorf("the leaders are %v after %v, of which one was stopped", now, first)
	}
	c.stop(standby)
	c.stop(rest)
}

func sameHolders(a, b map[string]string) bool {
	for lease, holder := range a {
		if b[lease] != holder {
			return false
		}
	}
	return true
}
