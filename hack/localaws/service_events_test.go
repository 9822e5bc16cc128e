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

// serviceEvents are the names of what the service did to a secret by itself.
func (w *world) serviceEvents(arn string) (names []string) {
	w.Helper()
	for _, event := range w.arrived() {
		names = append(names, event.Detail.EventName)
		if event.DetailType != "AWS Service Event via CloudTrail" || event.Detail.EventType != "AwsServiceEvent" || event.Detail.AdditionalEventData["SecretId"] != arn {
			w.Errorf("event: %+v", event)
		}
	}
	return names
}

func TestARotationHasItsEvents(t *testing.T) {
	for _, fails := range []string{"", "createSecret", "setSecret", "testSecret", "finishSecret"} {
		t.Run("fails in "+fails, func(t *testing.T) {
			w := newWorld(t)
			r := &rotator{w: w, fails: fails}
			w.RegisterRotationFunction(functionARN, r.step)
			arn := aws.ToString(w.create("db", "one").ARN)
			w.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
			second, err := w.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
			must(t, "", err)
			w.await("the rotation ends", func() bool { return len(w.arrived()) == 2 })
			want := []string{"RotationStarted", "RotationSucceeded"}
			if fails != "" {
				want[1] = "RotationFailed"
			}
			if diff := cmp.Diff(want, w.serviceEvents(arn)); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
			last := w.arrived()[1].Detail
			if last.AdditionalEventData["ClientRequestToken"] != second || strings.Contains(last.ErrorMessage, "during "+fails+" step") != (fails != "") {
				t.Errorf("detail: %+v", last)
			}
		})
	}
}

func TestANewValueAbandonsARotation(t *testing.T) {
	w := newWorld(t)
	r := &rotator{w: w, fails: "setSecret"}
	w.RegisterRotationFunction(functionARN, r.step)
	arn := aws.ToString(w.create("db", "one").ARN)
	w.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
	second, err := w.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
	must(t, "", err)
	w.await("the rotation fails", func() bool { return len(w.arrived()) == 2 })
	third := w.put("db", "by hand")
	if diff := cmp.Diff([]string{"RotationStarted", "RotationFailed", "RotationAbandoned"}, w.serviceEvents(arn)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if stages := w.stages("db"); stages[second] != "" || stages[third] != "AWSCURRENT" {
		t.Errorf("labels: %v", stages)
	}
}

func TestATestOfARotationHasItsEvents(t *testing.T) {
	w := newWorld(t)
	w.RegisterRotationFunction(functionARN, w.RotatePassword())
	arn := aws.ToString(w.create("db", "one").ARN)
	w.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
	_, err := w.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN), RotateImmediately: aws.Bool(false)})
	must(t, "", err)
	w.await("the test ends", func() bool { return len(w.arrived()) == 2 })
	if diff := cmp.Diff([]string{"TestRotationStarted", "TestRotationSucceeded"}, w.serviceEvents(arn)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func TestADeletionHasItsEvents(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(w *world)
		want []string
	}{
		"that is begun":     {do: func(*world) {}, want: []string{"StartSecretVersionDelete"}},
		"that is cancelled": {do: func(w *world) { w.restore("db") }, want: []string{"StartSecretVersionDelete", "CancelSecretVersionDelete"}},
		"that ends": {do: func(w *world) { w.clock.forward(8 * 24 * time.Hour); w.Events() },
			want: []string{"EndSecretVersionDelete"}}, // The queue keeps no message for a week.
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			arn := aws.ToString(w.create("db", "one").ARN)
			w.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
			_, err := w.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), RecoveryWindowInDays: aws.Int64(7)})
			must(t, "", err)
			test.do(w)
			if diff := cmp.Diff(test.want, w.serviceEvents(arn)); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
		})
	}
}

func (w *world) restore(id string) {
	w.Helper()
	_, err := w.RestoreSecret(w.Context(), &secretsmanager.RestoreSecretInput{SecretId: &id})
	must(w.T, "", err)
}

func TestReplicationHasItsEvents(t *testing.T) {
	w := newWorld(t)
	arn := aws.ToString(w.create("db", "one").ARN)
	taken, err := client(w.URL(), "us-east-1", "tester").CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	must(t, taken, err)
	w.follow(localaws.EventRule{DetailTypes: []string{localaws.ByService}})
	answer, err := w.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("db"),
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-central-1")}, {Region: aws.String("us-east-1")}}})
	must(t, answer, err)
	if diff := cmp.Diff([]string{"ReplicationStarted", "ReplicationStarted", "ReplicationFailed", "ReplicationSucceeded"}, w.serviceEvents(arn)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	var statuses []types.StatusType
	for _, status := range w.described("db").ReplicationStatus {
		statuses = append(statuses, status.Status)
	}
	if diff := cmp.Diff([]types.StatusType{types.StatusTypeInSync, types.StatusTypeFailed}, statuses); diff != "" {
		t.Errorf("statuses differ (-want +got):\n%s", diff)
	}
}
