package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// hangingRole is an identity whose calls are accepted and never answered.
const hangingRole = "arn:aws:iam::111122223333:role/hanging"

// slowAccount makes one identity hang, with which a fifth as many SecretSyncs read every second. It measures the effect
// on the SecretSyncs of other identities: the time from a requested refresh to the Secret.
func slowAccount(ctx context.Context, b *bench) error {
	if err := b.own(ctx, idle); err != nil {
		return err
	}
	if err := b.synced(ctx); err != nil {
		return err
	}
	alone, err := b.refreshed(ctx, "second")
	if err != nil {
		return err
	}
	b.AWS.SetFaults(localaws.Fault{Latency: b.latency}, localaws.Fault{Principal: "*:assumed-role/hanging/*", Hang: true})
	healthy := b.fleet.wanted()
	if err := b.fleet.syncs(ctx, "hanging", b.n/5, time.Second, hangingRole, secretID); err != nil {
		return err
	}
	b.fleet.only(healthy)
	if err := sleep(ctx, 10*time.Second); err != nil {
		return err
	}
	beside, err := b.refreshed(ctx, "third")
	if err != nil {
		return err
	}
	b.against("refresh-p50", percentile(beside, 50), percentile(alone, 50))
	b.against("refresh-p99", percentile(beside, 99), percentile(alone, 99))
	return nil
}

// refreshed gives each secret a new value and requests a refresh, a few at a time, and gives how many seconds each
// took.
func (b *bench) refreshed(ctx context.Context, content string) ([]float64, error) {
	const atOnce = 4
	asked := make([]time.Time, b.n)
	err := eachOf(atOnce, b.n, func(i int) error {
		if err := b.fleet.secret(ctx, i, content); err != nil {
			return err
		}
		secretSync := &v1alpha1.SecretSync{}
		secretSync.Namespace, secretSync.Name = namespace, nameOf(i)
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRefreshRequestedAt, content)
		asked[i] = time.Now()
		return b.Client.Patch(ctx, secretSync, client.RawPatch(types.MergePatchType, []byte(patch)))
	})
	if err != nil {
		return nil, err
	}
	if _, err := b.watcher.await(ctx, b.fleet.wanted()); err != nil {
		return nil, err
	}
	took := make([]float64, b.n)
	for i := range took {
		took[i] = b.watcher.arrived(types.NamespacedName{Namespace: namespace, Name: nameOf(i)}).Sub(asked[i]).Seconds()
	}
	slices.Sort(took)
	return took, nil
}

// percentile is the value that the given percentage of all values does not exceed.
func percentile(sorted []float64, percent int) float64 {
	return sorted[(len(sorted)-1)*percent/100]
}
