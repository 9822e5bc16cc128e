package localaws

import "strings"

// Partition is the partition that a region belongs to.
func Partition(region string) string {
	partition, _ := partitionAndSuffix(region)
	return partition
}

// partitionAndSuffix finds a partition by the prefix of its regions' names (page "Amazon Resource Names (ARNs)" of the
// IAM User Guide, and the list of each partition's regions), and has the end of the names of its hosts.
func partitionAndSuffix(region string) (partition, suffix string) {
	begins := func(with string) bool { return strings.HasPrefix(region, with) }
	switch {
	case begins("cn-"):
		return "aws-cn", "amazonaws.com.cn"
	case begins("us-gov-"):
		return "aws-us-gov", "amazonaws.com"
	case begins("us-iso-"):
		return "aws-iso", "c2s.ic.gov"
	case begins("us-isob-"):
		return "aws-iso-b", "sc2s.sgov.gov"
	case begins("eu-isoe-"):
		return "aws-iso-e", "cloud.adc-e.uk"
	case begins("us-isof-"):
		return "aws-iso-f", "csp.hci.ic.gov"
	case begins("eusc-"):
		return "aws-eusc", "amazonaws.eu"
	}
	return "aws", "amazonaws.com"
}

// partitionIn is the partition in an ARN.
func partitionIn(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 && parts[0] == "arn" {
		return parts[1]
	}
	return "aws"
}

// newARN makes an ARN, with a region or without.
func newARN(partition, service, region, account, resource string) string {
	return strings.Join([]string{"arn", partition, service, region, account, resource}, ":")
}

// partitionOr is the given partition, or that of the server's region if it is empty.
func (s *Server) partitionOr(partition string) string {
	if partition == "" {
		return Partition(s.region())
	}
	return partition
}
