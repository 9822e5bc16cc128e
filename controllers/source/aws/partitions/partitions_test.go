package partitions

import "testing"

func TestEachPartitionHasARegionOfItsOwn(t *testing.T) {
	for partition, region := range map[string]string{
		"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-east-1", "aws-eusc": "eusc-de-east-1", "aws-iso": "us-iso-west-1",
		"aws-iso-b": "us-isob-east-1", "aws-iso-e": "eu-isoe-west-1", "aws-iso-f": "us-isof-east-1",
	} {
		if got := Of(region); got != partition {
			t.Errorf("%s is of partition %s", region, got)
		}
		if got := Of(Region(partition)); got != partition {
			t.Errorf("%s is of partition %s, not %s", Region(partition), got, partition)
		}
	}
	if got := Of(""); got != "" {
		t.Errorf("no region is of partition %s", got)
	}
	if got := Region("aws-mars"); got != "" {
		t.Errorf("a partition that is not known has the region %s", got)
	}
}
