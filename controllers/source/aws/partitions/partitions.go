// Package partitions knows the partitions of AWS. They have nothing in common: neither credentials nor roles of one are of use in
// another.
//
// It may import the standard library and the AWS SDK.
package partitions

import "github.com/aws/aws-sdk-go-v2/service/sts"

// Region is the region of a partition whose STS is asked where no other region of it is known; empty for a
// partition that is not known. It is the one that the SDK calls implicitGlobalRegion, in the partitions.json that its
// endpoint rules are generated from.
func Region(partition string) string {
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

// Of is the partition that a region belongs to, by the SDK's metadata of endpoints; empty for no region. To
// the SDK, a name of unknown form is a region of partition aws.
func Of(region string) string {
	endpoint, err := sts.NewDefaultEndpointResolver().ResolveEndpoint(region, sts.EndpointResolverOptions{})
	if err != nil {
		return ""
	}
	return endpoint.PartitionID
}
