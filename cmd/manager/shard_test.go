package main

import (
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestTheScopeIsTheSameForAllReplicas(t *testing.T) {
	scope := func(of [2]string) string {
		return (&options{watchLabelSelector: of[0], watchNamespaces: of[1]}).scope()
	}
	for _, same := range [][2][2]string{
		{{"shard=a,tier=gold", ""}, {"tier=gold, shard=a", ""}},
		{{"shard in (b,a)", ""}, {"shard in (a, b)", ""}},
		{{"", "payments,shipping"}, {"", "shipping, payments,shipping"}},
	} {
		if scope(same[0]) != scope(same[1]) {
			t.Errorf("%q and %q are %s and %s", same[0], same[1], scope(same[0]), scope(same[1]))
		}
	}
	seen := map[string][2]string{}
	for _, of := range [][2]string{{"", ""}, {"shard=a", ""}, {"shard=b", ""}, {"!shard", ""}, {"", "payments"}, {"shard=a", "payments"}} {
		if other, taken := seen[scope(of)]; taken {
			t.Errorf("%q and %q are both %s", of, other, scope(of))
		}
		seen[scope(of)] = of
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
