package aws

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/secretsync/secretsync/controllers/source"
)

// knownRegions are the regions of all partitions, by the file partitions.json that the SDK's endpoint rules are generated
// from (aws-sdk-go-v2, internal/endpoints/awsrulesfn). The SDK shows them to no other module: a test compares the two.
func knownRegions() []string {
	return []string{
		"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
		"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
		"ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2",
		"eu-west-3", "il-central-1", "me-central-1", "me-south-1", "me-west-1", "mx-central-1", "sa-east-1", "sa-west-1", "us-east-1",
		"us-east-2", "us-west-1", "us-west-2",
		"cn-north-1", "cn-northwest-1",
		"eusc-de-east-1",
		"us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1", "eu-isoe-west-1", "us-isof-east-1", "us-isof-south-1",
		"us-gov-east-1", "us-gov-west-1",
	}
}

// RegionForm is what the code of a region looks like, as the CRD has it too.
const RegionForm = `^[a-z]{2,}(-[a-z0-9]+)+-[0-9]+$`

// MostAdditionalRegions is how many regions may be added to those that are known.
const MostAdditionalRegions = 16

// regionForm is RegionForm, compiled.
var regionForm = regexp.MustCompile(RegionForm)

// Knows says whether a region is one of AWS, the operator's own, or one that was added. What is kept for each region, and
// the values of metrics, are bounded by that: what a SecretSync names besides is not asked.
func (s *Source) Knows(region string) bool { return s.regions[region] }

// WrongRegions says what is wrong with regions that are to be added; nil where nothing is.
func WrongRegions(additional []string) error {
	for _, region := range additional {
		if !regionForm.MatchString(region) || len(region) > 32 {
			return fmt.Errorf("%q is not the code of an AWS region, as eu-west-1 is one: separate codes by commas", region)
		}
	}
	if len(additional) > MostAdditionalRegions {
		return fmt.Errorf("%d regions are named, and %d are the most", len(additional), MostAdditionalRegions)
	}
	return nil
}

// setRegions sets which regions are known.
func (s *Source) setRegions() {
	s.regions = map[string]bool{}
	for _, region := range slices.Concat(knownRegions(), s.options.AdditionalRegions, []string{s.config.Region}) {
		s.regions[region] = true
	}
	delete(s.regions, "")
}

// unknownRegion refuses a region that AWS does not have.
func unknownRegion(region string) error {
	return &source.Error{Kind: source.Failed, Explanation: fmt.Sprintf(
		"%.40q is not a region of AWS that the operator knows, and AWS was not asked: correct region, failoverRegions or the ARN; "+
			"if AWS has opened the region lately, add it by the operator's flag --additional-regions", region)}
}
