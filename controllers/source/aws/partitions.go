package aws

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/arns"
)

// partitionRegion is the region of a partition whose STS is asked where no other region of it is known; empty for a
// partition that is not known. It is the one that the SDK calls implicitGlobalRegion, in the partitions.json that its
// endpoint rules are generated from.
func partitionRegion(partition string) string {
	switch partition {
	case "aws":
		return "us-east-1"
	case "aws-cn":
		return "cn-northwest-1"
	case "aws-eusc":
		return "eusc-de-east-1"
	case "aws-iso":
		return "us-iso-east-1"
	case "aws-iso-b":
		return "us-isob-east-1"
	case "aws-iso-e":
		return "eu-isoe-west-1"
	case "aws-iso-f":
		return "us-isof-south-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	}
	return ""
}

// partitionOf is the partition that a region belongs to, by the SDK's metadata of endpoints; empty for no region. To
// the SDK, a name of unknown form is a region of partition aws.
func partitionOf(region string) string {
	endpoint, err := sts.NewDefaultEndpointResolver().ResolveEndpoint(region, sts.EndpointResolverOptions{})
	if err != nil {
		return ""
	}
	return endpoint.PartitionID
}

// stsRegion is the region whose STS is asked for a role: the operator's own where it is in the role's partition, or
// one of those that are read from, or the partition's. Partitions know nothing of each other's roles.
func (s *Source) stsRegion(role string, read []string) string {
	partition := arns.Partition(role)
	if partition == "" {
		return s.config.Region
	}
	for _, region := range slices.Concat([]string{s.config.Region}, read) {
		if partitionOf(region) == partition {
			return region
		}
	}
	return cmp.Or(partitionRegion(partition), s.config.Region)
}

// ownPartition is the partition that the operator's own credentials are of, as far as its role or its region tells.
func (s *Source) ownPartition() string {
	return cmp.Or(arns.Partition(s.role), partitionOf(s.config.Region))
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
