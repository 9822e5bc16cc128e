package localaws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/hack/localaws"
)

func TestSecretsAreOfThePartitionOfTheirRegion(t *testing.T) {
	s := newSetup(t)
	for region, partition := range map[string]string{
		"eu-west-1": "aws", "us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso",
		"us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		there := client(s.URL(), region, "tester")
		created, err := there.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("x")})
		arn := aws.ToString(must(t, created, err).ARN)
		if want := "arn:" + partition + ":secretsmanager:" + region + ":" + localaws.DefaultAccount + ":secret:db-"; !strings.HasPrefix(arn, want) {
			t.Errorf("%s is not %s", arn, want)
		}
		found, err := there.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn})
		must(t, found, err)
		calls := s.Calls()
		if got := calls[len(calls)-1].Principal; got != "arn:"+partition+":iam::"+localaws.DefaultAccount+":root" {
			t.Errorf("in %s %s has called", region, got)
		}
	}
}

// TestAccessKeysAreWorthNothingInAnotherPartition: users and roles are unknown in other partitions.
func TestAccessKeysAreWorthNothingInAnotherPartition(t *testing.T) {
	s := newSetup(t)
	arn, err := s.AddUser(localaws.User{Name: "app", Partition: "aws-cn", AccessKeyID: "china", SecretAccessKey: "x",
		Policies: []string{`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`}})
	if err != nil || !strings.HasPrefix(arn, "arn:aws-cn:iam::") {
		t.Fatal(arn, err)
	}
	ask := func(region string) error {
		_, err := secretsmanager.New(secretsmanager.Options{
			Region: region, BaseEndpoint: aws.String(s.URL()), HTTPClient: uncut{}, Retryer: aws.NopRetryer{},
			Credentials: credentials.NewStaticCredentialsProvider("china", "x", ""),
		}).ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
		return err
	}
	if err := ask("cn-north-1"); err != nil {
		t.Error(err)
	}
	refused(t, ask("eu-west-1"), "UnrecognizedClientException", invalidToken)
	role, err := s.AddRole(localaws.Role{Name: "app", Partition: "aws-us-gov", TrustPolicy: `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}}`})
	if err != nil || role != "arn:aws-us-gov:iam::111122223333:role/app" {
		t.Error(role, err)
	}
}
