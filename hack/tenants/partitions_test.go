package tenants

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// TestAServiceAccountReadsInAnotherPartition: only a web identity works in another partition, credentials do not.
func TestAServiceAccountReadsInAnotherPartition(t *testing.T) {
	const partition, region = "aws-cn", "cn-north-1"
	s := newTenant(t, "china")
	known := provider
	known.Partition = partition
	if _, err := shared.AWS.AddOIDCProvider(known); err != nil {
		t.Fatal(err)
	}
	trust := strings.ReplaceAll(trustAccount("china", "abroad"), "arn:aws:", "arn:"+partition+":")
	role, err := shared.AWS.AddRole(localaws.Role{Name: "abroad", Partition: partition, TrustPolicy: trust,
		Policies: []string{`{"Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "arn:aws-cn:secretsmanager:*:*:secret:/china/*"}}`}})
	if err != nil {
		t.Fatal(err)
	}
	s.account("abroad", map[string]string{"eks.amazonaws.com/role-arn": role})
	there, content := secretsmanager.New(s.aws.Options(), func(o *secretsmanager.Options) { o.Region = region }), value()
	arn, _ := createSecret(t, there, "/china/abroad", content)
	s.sync("abroad", arn, byAccount("abroad"))
	s.awaitValue("abroad", content)
	if read := mustHaveRead(t, arn, "abroad", "tests.china.abroad"); !strings.HasPrefix(read.Principal, "arn:"+partition+":sts:") {
		t.Errorf("%s has read", read.Principal)
	}

	before := len(shared.AWS.Calls())
	s.sync("impossible", arn, v1alpha1.SourceAuth{RoleARN: role})
	mustMention(t, s.awaitReason("impossible", v1alpha1.ReasonAssumeRoleDenied), role, "partition "+partition, "spec.auth.serviceAccountRef", "AWS was not asked")
	for _, call := range shared.AWS.Calls()[before:] {
		if call.Operation == "AssumeRole" && call.Role == role {
			t.Error("a role of another partition was requested from AWS")
		}
	}
}
