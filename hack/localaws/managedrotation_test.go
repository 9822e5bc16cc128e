package localaws_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/hack/localaws"
)

func TestAServiceRotatesItsOwnSecret(t *testing.T) {
	s := newSetup(t)
	first := aws.ToString(s.create("db", `{"username":"app","password":"a"}`).VersionId)
	if err := s.SetOwningService("db", "rds"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetOwningService("web", "rds"); err == nil {
		t.Error("a secret that is not there has an owner")
	}
	second, err := s.rotate(&secretsmanager.RotateSecretInput{})
	must(t, second, err)
	s.await("AWSCURRENT moves", func() bool { return strings.Contains(s.stages("db")[second], "AWSCURRENT") })
	described := s.described("db")
	if service := aws.ToString(described.OwningService); service != "rds" || described.RotationLambdaARN != nil || second == first {
		t.Errorf("owned by %q, function %q", service, aws.ToString(described.RotationLambdaARN))
	}
}

func TestAManagedExternalSecretIsRotatedByARole(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/rotation"
	s := newSetup(t)
	_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), Type: aws.String("SalesforceClientSecret"),
		SecretString: aws.String(`{"password":"a"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.rotate(&secretsmanager.RotateSecretInput{}); err == nil || !strings.Contains(err.Error(), "ExternalSecretRotationRoleArn") {
		t.Errorf("without a role: %v", err)
	}
	s.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
	steps := s.RotatePassword()
	s.RegisterRotationFunction("SalesforceClientSecret", func(ctx context.Context, event localaws.RotationEvent) error {
		if event.Step == "setSecret" {
			return errors.New("the partner does not answer")
		}
		return steps(ctx, event)
	})
	input := &secretsmanager.RotateSecretInput{ExternalSecretRotationRoleArn: aws.String(role),
		ExternalSecretRotationMetadata: []types.ExternalSecretRotationMetadataItem{{Key: aws.String("apiVersion"), Value: aws.String("v65.0")}}}
	pending, err := s.rotate(input)
	must(t, pending, err)
	s.await("the rotation fails", func() bool { return len(s.arrived()) == 2 })
	described := s.described("db")
	if diff := cmp.Diff([]string{"RotationStarted", "RotationFailed"}, s.serviceEvents(aws.ToString(described.ARN))); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if labels := s.stages("db")[pending]; labels != "AWSPENDING" || aws.ToString(described.Type) != "SalesforceClientSecret" ||
		aws.ToString(described.ExternalSecretRotationRoleArn) != role || len(described.ExternalSecretRotationMetadata) != 1 {
		t.Errorf("labels %s, described %+v", labels, described)
	}
}
