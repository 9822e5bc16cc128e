package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// TestAnUpgradeKeepsTheLease: an upgrade that changes what a release watches does not change its Lease, so that the new
// pod waits for the old one. An operator with a Lease of another name, as after a change of the release's full name,
// stops leading when the upgrade has taken its permission.
func TestAnUpgradeKeepsTheLease(t *testing.T) {
	c := newCluster(t)
	c.install("--set", "watchNamespaces={payments}")
	old := c.startAsInstalled("secretsync")
	c.await("the old pod leads", func() bool { return len(c.holders()) == 1 })
	holders := c.holders()
	c.upgrade("--set", "watchNamespaces={payments,shipping}")
	updated := c.startAsInstalled("secretsync")
	c.await("the new pod waits", func() bool {
		log, err := updated.Log()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(log), "waiting for a Lease whose holder works on other SecretSyncs")
	})
	if diff := cmp.Diff(holders, c.holders()); diff != "" {
		t.Errorf("another Lease, or another leader (-before +after):\n%s", diff)
	}
	c.stop(old)
	c.await("the new pod leads", func() bool { now := c.holders(); return len(now) == 1 && !sameHolders(holders, now) })
	c.namespace = "shipping"
	id, _ := c.createSecret("db", value())
	c.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	c.awaitReady("db")
	c.stop(updated)

	c.allowAllLeases()
	former := c.startAsInstalled("secretsync", "--leader-election-id=secretsync-former")
	c.await("an operator with another Lease leads", func() bool { return c.holders()["secretsync-former"] != "" })
	c.upgrade("--force-conflicts")
	c.await("it stops", func() bool {
		ended, err := former.Ended()
		if ended && (err == nil || !strings.Contains(former.Tail(), "leader election lost")) {
			t.Fatalf("the operator with another Lease ended for another reason: %v: %s", err, former.Tail())
		}
		return ended
	})
}

// upgrade upgrades the release with its present values and others.
func (c *cluster) upgrade(flags ...string) {
	c.Helper()
	c.run("upgrade", append([]string{filepath.Join(root, "config/chart"), "--reset-then-reuse-values"}, flags...)...)
}

// allowAllLeases lets the operator hold any Lease of its namespace.
func (c *cluster) allowAllLeases() {
	c.Helper()
	role := &rbacv1.Role{}
	if err := c.env.Client.Get(c.Context(), client.ObjectKey{Namespace: testenv.OperatorNamespace, Name: "secretsync-leader-election"}, role); err != nil {
		c.Fatal(err)
	}
	for i := range role.Rules {
		role.Rules[i].ResourceNames = nil
	}
	if err := c.env.Client.Update(c.Context(), role); err != nil {
		c.Fatal(err)
	}
}
