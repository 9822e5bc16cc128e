package main

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestReplicasShareALeaseAndShardsDoNot(t *testing.T) {
	lease := func(selector, namespaces string) string {
		name, err := (&options{watchLabelSelector: selector, watchNamespaces: namespaces}).leaseName()
		if err != nil || len(validation.IsDNS1123Subdomain(name)) > 0 {
			t.Fatalf("%q, %q: %q, %v", selector, namespaces, name, err)
		}
		return name
	}
	if name := lease("", ""); name != leaseOfAll {
		t.Errorf("the Lease of all is %s", name)
	}
	same := [][2][2]string{
		{{"shard=a,tier=gold", ""}, {"tier=gold, shard=a", ""}},
		{{"shard in (b,a)", ""}, {"shard in (a, b)", ""}},
		{{"", "payments,shipping"}, {"", "shipping, payments"}},
	}
	for _, pair := range same {
		if lease(pair[0][0], pair[0][1]) != lease(pair[1][0], pair[1][1]) {
			t.Errorf("%q and %q have two Leases", pair[0], pair[1])
		}
	}
	seen := map[string]string{}
	for _, watched := range [][2]string{{"", ""}, {"shard=a", ""}, {"shard=b", ""}, {"!shard", ""}, {"", "payments"}, {"shard=a", "payments"}} {
		name := lease(watched[0], watched[1])
		if other, taken := seen[name]; taken {
			t.Errorf("%q and %q share the Lease %s", watched, other, name)
		}
		seen[name] = strings.Join(watched[:], " ")
	}
}

// The cache of a shard does not have, and the API server does not send, the SecretSyncs of other shards.
func TestAShardWatchesItsOwnSecretSyncs(t *testing.T) {
	cached, err := cacheOptions(&options{watchLabelSelector: "!shard"})
	if err != nil {
		t.Fatal(err)
	}
	for object, by := range cached.ByObject {
		if _, syncs := object.(*v1alpha1.SecretSync); syncs && by.Label.Matches(labels.Set{}) && !by.Label.Matches(labels.Set{"shard": "a"}) {
			return
		}
	}
	t.Error("SecretSyncs are not selected by their labels")
}
