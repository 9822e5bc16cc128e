package identity

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestSTSIsAskedInTheRolesPartition(t *testing.T) {
	const china = "arn:aws-cn:iam::111122223333:role/r"
	p := &Provider{role: china, config: aws.Config{Region: "eu-west-1"}}
	if got := p.ownPartition(); got != "aws-cn" {
		t.Errorf("with a role in China, the operator's partition is %s", got)
	}
	for role, want := range map[string]string{"arn:aws-mars:iam::111122223333:role/r": "eu-west-1", "role/r": "eu-west-1", outerRole: "eu-west-1", china: "cn-northwest-1"} {
		if got := p.stsRegion(role, nil); got != want {
			t.Errorf("STS is asked for %s in %q", role, got)
		}
	}
}
