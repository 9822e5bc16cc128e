package identity

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/partitions"
)

// stsRegion is the region whose STS is asked for a role: the operator's own where it is in the role's partition, or
// one of those that are read from, or the partition's. Partitions know nothing of each other's roles.
func (p *Provider) stsRegion(role string, read []string) string {
	partition := arns.Partition(role)
	if partition == "" {
		return p.config.Region
	}
	for _, region := range slices.Concat([]string{p.config.Region}, read) {
		if partitions.Of(region) == partition {
			return region
		}
	}
	return cmp.Or(partitions.Region(partition), p.config.Region)
}

// ownPartition is the partition that the operator's own credentials are of, as far as its role or its region tells.
func (p *Provider) ownPartition() string {
	return cmp.Or(arns.Partition(p.role), partitions.Of(p.config.Region))
}

// samePartition refuses a role that credentials of another partition would have to assume: AWS has no way to.
// Where a partition is not known, AWS decides.
func samePartition(role, partition, whose string) error {
	wanted := arns.Partition(role)
	if wanted == "" || partition == "" || wanted == partition {
		return nil
	}
	return &source.Error{Kind: source.AssumeRoleDenied, Explanation: fmt.Sprintf(
		"role %s is of partition %s of AWS, and %s of partition %s: no role is assumed across partitions, and AWS was not asked; name a role of partition %s, "+
			"or read by spec.auth.serviceAccountRef, with a ServiceAccount whose own role is of partition %s", role, wanted, whose, partition, partition, wanted)}
}
