package aws

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/controllers/source"
)

// partitionRegions is the region of each partition whose STS is asked where no other region of it is known. They are
// those that the SDK calls implicitGlobalRegion, in the partitions.json that its endpoint rules are generated from.
var partitionRegions = map[string]string{
	"aws":        "us-east-1",
	"aws-cn":     "cn-northwest-1",
	"aws-eusc":   "eusc-de-east-1",
	"aws-iso":    "us-iso-east-1",
	"aws-iso-b":  "us-isob-east-1",
	"aws-iso-e":  "eu-isoe-west-1",
	"aws-iso-f":  "us-isof-south-1",
	"aws-us-gov": "us-gov-west-1",
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

// partitionInARN is the second part of arn:partition:…, or empty.
func partitionInARN(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[1]
}

// stsRegion is the region whose STS is asked for a role: the operator's own where it is in the role's partition, or
// one of those that are read from, or the partition's. Partitions know nothing of each other's roles.
func (s *Source) stsRegion(role string, read []string) string {
	partition := partitionInARN(role)
	if partition == "" {
		return s.config.Region
	}
	for _, region := range slices.Concat([]string{s.config.Region}, read) {
		if partitionOf(region) == partition {
			return region
		}
	}
	return cmp.Or(partitionRegions[partition], s.config.Region)
}

// ownPartition is the partition that the operator's own credentials are of, as far as its role or its region tells.
func (s *Source) ownPartition() string {
	return cmp.Or(partitionInARN(s.role), partitionOf(s.config.Region))
}

// samePartition refuses a role that credentials of another partition would have to assume: AWS has no way to.
// Where a partition is not known, AWS decides.
func samePartition(role, partition, whose string) error {
	wanted := partitionInARN(role)
	if wanted == "" || partition == "" || wanted == partition {
		return nil
	}
	return &source.Error{Kind: source.AssumeRoleDenied, Explanation: fmt.Sprintf(
		"role %s is of partition %s of AWS, and %s of partition %s: no role is assumed across partitions, and AWS was not asked; name a role of partition %s, "+
			"or read by spec.auth.serviceAccountRef, with a ServiceAccount whose own role is of partition %s", role, wanted, whose, partition, partition, wanted)}
}
