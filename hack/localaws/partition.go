package localaws

import "strings"

// partitions are those beside "aws", by how the names of their regions begin (page "Amazon Resource Names (ARNs)" of
// the IAM User Guide, and the regions of each partition).
var partitions = []struct{ begins, partition, suffix string }{
	{"cn-", "aws-cn", "amazonaws.com.cn"},
	{"us-gov-", "aws-us-gov", "amazonaws.com"},
	{"us-iso-", "aws-iso", "c2s.ic.gov"},
	{"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
	{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
	{"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
	{"eusc-", "aws-eusc", "amazonaws.eu"},
}

// Partition is the partition that a region belongs to.
func Partition(region string) string {
	partition, _ := partitionAndSuffix(region)
	return partition
}

// partitionAndSuffix has the end of the names of the partition's hosts, too.
func partitionAndSuffix(region string) (partition, suffix string) {
	for _, one := range partitions {
		if strings.HasPrefix(region, one.begins) {
			return one.partition, one.suffix
		}
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
