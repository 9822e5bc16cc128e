package localaws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/hack/localaws"
)

// serviceEvents are the names of the events of the service itself about a secret.
func (s *setup) serviceEvents(arn string) (names []string) {
	s.Helper()
	for _, event := range s.arrived() {
		names = append(names, event.Detail.EventName)
		if event.DetailType != "AWS Service Event via CloudTrail" || event.Detail.EventType != "AwsServiceEvent" || event.Detail.AdditionalEventData["SecretId"] != arn {
			s.Errorf("event: %+v", event)
		}
	}
	return names
}

func TestARotationHasItsEvents(t *testing.T) {
	for _, fails := range []string{"", "createSecret", "setSecret", "testSecret", "finishSecret"} {
		t.Run("fails in "+fails, func(t *testing.T) {
			s := newSetup(t)
			r := &rotator{s: s, fails: fails}
			s.RegisterRotationFunction(functionARN, r.step)
			arn := aws.ToString(s.create("db", "one").ARN)
			s.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
			second, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
			must(t, "", err)
			s.await("the rotation ends", func() bool { return len(s.arrived()) == 2 })
			want := []string{"RotationStarted", "RotationSucceeded"}
			if fails != "" {
				want[1] = "RotationFailed"
			}
			if diff := cmp.Diff(want, s.serviceEvents(arn)); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
			last := s.arrived()[1].Detail
			if last.AdditionalEventData["ClientRequestToken"] != second || strings.Contains(last.ErrorMessage, "during "+fails+" step") != (fails != "") {
				t.Errorf("detail: %+v", last)
			}
		})
	}
}

func TestANewValueAbandonsARotation(t *testing.T) {
	s := newSetup(t)
	r := &rotator{s: s, fails: "setSecret"}
	s.RegisterRotationFunction(functionARN, r.step)
	arn := aws.ToString(s.create("db", "one").ARN)
	s.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
	second, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
	must(t, "", err)
	s.await("the rotation fails", func() bool { return len(s.arrived()) == 2 })
	third := s.put("db", "by hand")
	if diff := cmp.Diff([]string{"RotationStarted", "RotationFailed", "RotationAbandoned"}, s.serviceEvents(arn)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if stages := s.stages("db"); stages[second] != "" || stages[third] != "AWSCURRENT" {
		t.Errorf("labels: %v", stages)
	}
}

func TestATestOfARotationHasItsEvents(t *testing.T) {
	s := newSetup(t)
	s.RegisterRotationFunction(functionARN, s.RotatePassword())
	arn := aws.ToString(s.create("db", "one").ARN)
	s.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
	_, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN), RotateImmediately: aws.Bool(false)})
	must(t, "", err)
	s.await("the test ends", func() bool { return len(s.arrived()) == 2 })
	if diff := cmp.Diff([]string{"TestRotationStarted", "TestRotationSucceeded"}, s.serviceEvents(arn)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func TestADeletionHasItsEvents(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(s *setup)
		want []string
	}{
		"that is begun":     {do: func(*setup) {}, want: []string{"StartSecretVersionDelete"}},
		"that is cancelled": {do: func(s *setup) { s.restore("db") }, want: []string{"StartSecretVersionDelete", "CancelSecretVersionDelete"}},
		"that ends": {do: func(s *setup) { s.clock.forward(8 * 24 * time.Hour); s.Events() },
			want: []string{"EndSecretVersionDelete"}}, // The queue keeps no message for a week.
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			arn := aws.ToString(s.create("db", "one").ARN)
			s.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
			_, err := s.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), RecoveryWindowInDays: aws.Int64(7)})
			must(t, "", err)
			test.do(s)
			if diff := cmp.Diff(test.want, s.serviceEvents(arn)); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
		})
	}
}

func (s *setup) restore(id string) {
	s.Helper()
	_, err := s.RestoreSecret(s.Context(), &secretsmanager.RestoreSecretInput{SecretId: &id})
	must(s.T, "", err)
}

func TestReplicationHasItsEvents(t *testing.T) {
	s := newSetup(t)
	arn := aws.ToString(s.create("db", "one").ARN)
	taken, err := client(s.URL(), "us-east-1", "tester").CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	must(t, taken, err)
	s.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
	answer, err := s.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("db"),
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-central-1")}, {Region: aws.String("us-east-1")}}})
	must(t, answer, err)
	if diff := cmp.Diff([]string{"ReplicationStarted", "ReplicationStarted", "ReplicationFailed", "ReplicationSucceeded"}, s.serviceEvents(arn)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	var statuses []types.StatusType
	for _, status := range s.described("db").ReplicationStatus {
		statuses = append(statuses, status.Status)
	}
	if diff := cmp.Diff([]types.StatusType{types.StatusTypeInSync, types.StatusTypeFailed}, statuses); diff != "" {
		t.Errorf("statuses differ (-want +got):\n%s", diff)
	}
}
