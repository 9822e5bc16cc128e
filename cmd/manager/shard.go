package main

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// leaseOfAll is the Lease of an operator that reconciles all SecretSyncs.
const leaseOfAll = "secretsync"

// selector selects the SecretSyncs of this shard by their labels. By default it selects all.
func (o *options) selector() (labels.Selector, error) { return labels.Parse(o.watchLabelSelector) }

// leaseName is the name of the Lease. The replicas of a shard share it, because one of them reconciles, and different
// shards have different names: the name is derived from what the shard watches.
func (o *options) leaseName() (string, error) {
	selector, err := o.selector()
	if err != nil {
		return "", err
	}
	namespaces := slices.Sorted(slices.Values(o.namespaces()))
	if selector.Empty() && len(namespaces) == 0 {
		return leaseOfAll, nil
	}
	// A selector has a canonical text.
	watched := sha256.Sum256([]byte(selector.String() + "\n" + strings.Join(slices.Compact(namespaces), ",")))
	return leaseOfAll + "-" + hex.EncodeToString(watched[:6]), nil
}
