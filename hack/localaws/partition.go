package localaws

import "strings"

// Partition is the partition that a region belongs to.
func Partition(region string) string {
	partition, _ := partitionAndSuffix(region)
	return partition
}

// partitionAndSuffix tells a partition by how the names of its regions begin (page "Amazon Resource Names (ARNs)" of the
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

// newARN names something in a region, or in none.
func newARN(partition, service, region, account, resource string) string {
	return strings.Join([]string{"arn", partition, service, region, account, resource}, ":")
}

// partitionOr is that of the server's region where none is given.
func (s *Server) partitionOr(partition string) string {
	if partition == "" {
		return Partition(s.region())
	}
	return partition
}
