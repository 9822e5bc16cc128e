package main

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// leaseOfAll is the Lease of an operator that works on all SecretSyncs.
const leaseOfAll = "secretsync"

// selector picks the SecretSyncs of this shard by their labels; nothing set picks all.
func (o *options) selector() (labels.Selector, error) { return labels.Parse(o.watchLabelSelector) }

// leaseName is the same for the replicas of a shard, one of which works, and differs from shard to
// shard, all of which work: by what they watch, as that is what makes a shard.
func (o *options) leaseName() (string, error) {
	selector, err := o.selector()
	if err != nil {
		return "", err
	}
	namespaces := slices.Sorted(slices.Values(o.namespaces()))
	if selector.Empty() && len(namespaces) == 0 {
		return leaseOfAll, nil
	}
	// A selector prints the same however it was written.
	watched := sha256.Sum256([]byte(selector.String() + "\n" + strings.Join(slices.Compact(namespaces), ",")))
	return leaseOfAll + "-" + hex.EncodeToString(watched[:6]), nil
}
