package localaws_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/hack/localaws"
)

// receivedEvent is the part of an event that consumers read.
type receivedEvent struct {
	Version, ID, Source, Account, Time, Region string
	DetailType                                 string `json:"detail-type"`
	Resources                                  []string
	Detail                                     struct {
		EventSource, EventName, AwsRegion, EventType, ErrorCode, ErrorMessage string
		EventID, EventTime                                                    string
		UserIdentity                                                          map[string]any
		RequestParameters, ResponseElements, AdditionalEventData              map[string]any
		Name, LabelUpdated, VersionID                                         string
	}
}

// follow creates a queue and a rule that sends events to it.
func (s *setup) follow(rule localaws.EventRule) {
	s.Helper()
	arn, err := s.AddQueue(localaws.Queue{Name: "changes"})
	must(s.T, arn, err)
	rule.Queue = arn
	_, err = s.AddEventRule(rule)
	must(s.T, "", err)
}

// arrived are the events in the queue.
func (s *setup) arrived() (all []receivedEvent) {
	s.Helper()
	for _, body := range s.Messages(queueARN) {
		var event receivedEvent
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			s.Fatal(err)
		}
		all = append(all, event)
	}
	return all
}

func (s *setup) arrivedNames() (names []string) {
	s.Helper()
	for _, event := range s.arrived() {
		names = append(names, event.Detail.EventName)
	}
	return names
}

// changingCall is a call that has an event.
type changingCall struct {
	do   func(s *setup) error
	want map[string]any // request parameters, whole
	code string
}

// changingCalls are those about a secret of that name.
func changingCalls(id string) map[string]changingCall {
	return map[string]changingCall{
		"PutSecretValue": {want: map[string]any{"secretId": id, "versionStages": []any{"AWSCURRENT"}, "clientRequestToken": "a1a1a1a1-0000-0000-0000-000000000000"}, do: func(s *setup) error {
			_, err := s.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String(id), SecretString: aws.String("hidden"),
				VersionStages: []string{"AWSCURRENT"}, ClientRequestToken: aws.String("a1a1a1a1-0000-0000-0000-000000000000")})
			return err
		}},
		"UpdateSecret": {want: map[string]any{"secretId": id, "description": "of the shop", "clientRequestToken": "a1a1a1a1-0000-0000-0000-000000000000"}, do: func(s *setup) error {
			_, err := s.UpdateSecret(s.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String(id), SecretBinary: []byte("hidden"),
				Description: aws.String("of the shop"), ClientRequestToken: aws.String("a1a1a1a1-0000-0000-0000-000000000000")})
			return err
		}},
		"UpdateSecretVersionStage": {want: map[string]any{"secretId": id, "versionStage": "BLUE", "moveToVersionId": "none"}, code: notFound, do: func(s *setup) error {
			_, err := s.UpdateSecretVersionStage(s.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String(id),
				VersionStage: aws.String("BLUE"), MoveToVersionId: aws.String("none")})
			return err
		}},
		"DeleteSecret": {want: map[string]any{"secretId": id, "recoveryWindowInDays": 7.0}, do: func(s *setup) error {
			_, err := s.DeleteSecret(s.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String(id), RecoveryWindowInDays: aws.Int64(7)})
			return err
		}},
		"RestoreSecret": {want: map[string]any{"secretId": id}, do: func(s *setup) error {
			_, err := s.RestoreSecret(s.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String(id)})
			return err
		}},
		"CancelRotateSecret": {want: map[string]any{"secretId": id}, do: func(s *setup) error {
			_, err := s.CancelRotateSecret(s.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: aws.String(id)})
			return err
		}},
		"TagResource": {want: map[string]any{"secretId": id, "tags": []any{map[string]any{"key": "team", "value": "payments"}}}, do: func(s *setup) error {
			_, err := s.TagResource(s.Context(), &secretsmanager.TagResourceInput{SecretId: aws.String(id), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("payments")}}})
			return err
		}},
		"UntagResource": {want: map[string]any{"secretId": id, "tagKeys": []any{"team"}}, do: func(s *setup) error {
			_, err := s.UntagResource(s.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String(id), TagKeys: []string{"team"}})
			return err
		}},
		"ReplicateSecretToRegions": {want: map[string]any{"secretId": id, "addReplicaRegions": []any{map[string]any{"region": "eu-central-1"}}}, do: func(s *setup) error {
			_, err := s.ReplicateSecretToRegions(s.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String(id),
				AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-central-1")}}})
			return err
		}},
		"RemoveRegionsFromReplication": {want: map[string]any{"secretId": id, "removeReplicaRegions": []any{"eu-central-1"}}, do: func(s *setup) error {
			_, err := s.RemoveRegionsFromReplication(s.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: aws.String(id), RemoveReplicaRegions: []string{"eu-central-1"}})
			return err
		}},
		"RotateSecret": {want: map[string]any{"secretId": id, "clientRequestToken": firstToken}, code: "InvalidRequestException", do: func(s *setup) error {
			_, err := s.RotateSecret(s.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String(id), ClientRequestToken: aws.String(firstToken)})
			return err
		}},
	}
}

// checkEnvelope checks the fields that every event of a call has.
func checkEnvelope(t *testing.T, event receivedEvent) {
	t.Helper()
	if event.Source != "aws.secretsmanager" || event.DetailType != "AWS API Call via CloudTrail" || event.Account != localaws.DefaultAccount ||
		event.Region != localaws.DefaultRegion || event.Version != "0" || event.ID == "" || event.Resources == nil {
		t.Errorf("envelope: %+v", event)
	}
	if _, err := time.Parse(time.RFC3339, event.Time); err != nil {
		t.Error(err)
	}
	if detail := event.Detail; detail.EventSource != "secretsmanager.amazonaws.com" || detail.AwsRegion != localaws.DefaultRegion ||
		detail.EventType != "AwsApiCall" || detail.EventID == "" || detail.UserIdentity["accountId"] != localaws.DefaultAccount {
		t.Errorf("detail: %+v", detail)
	}
}

func TestEachChangeHasAnEvent(t *testing.T) {
	const id = "db"
	for name, call := range changingCalls(id) {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			arn := aws.ToString(s.create(id, "hidden").ARN)
			s.follow(localaws.EventRule{EventNames: []string{name}})
			err := call.do(s)
			if call.code == "" {
				must(t, "", err)
			}
			got := s.arrived()
			if len(got) != 1 {
				t.Fatalf("%d events: %q", len(got), s.Messages(queueARN))
			}
			checkEnvelope(t, got[0])
			detail := got[0].Detail
			if detail.EventName != name || detail.ErrorCode != call.code {
				t.Errorf("detail: %+v", detail)
			}
			if call.want["clientRequestToken"] == nil {
				delete(detail.RequestParameters, "clientRequestToken") // The SDK makes one up.
			}
			if diff := cmp.Diff(call.want, detail.RequestParameters); diff != "" {
				t.Errorf("request parameters differ (-want +got):\n%s", diff)
			}
			if call.code == "" && (detail.ResponseElements["arn"] != arn || detail.ResponseElements["name"] != id) {
				t.Errorf("response elements: %v", detail.ResponseElements)
			}
			if strings.Contains(strings.Join(s.Messages(queueARN), ""), "hidden") {
				t.Error("an event holds a value")
			}
		})
	}
}

func TestAnEventNamesASecretAsItsCallerDid(t *testing.T) {
	s := newSetup(t)
	arn := aws.ToString(s.create("db", "one").ARN)
	s.follow(localaws.EventRule{})
	for _, id := range []string{"db", arn, arn[:len(arn)-7], "none"} {
		_, _ = s.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: aws.String("two")}) // One of them is refused.
		events := s.arrived()
		if got := events[len(events)-1].Detail; got.RequestParameters["secretId"] != id || (id == "none") != (got.ErrorCode == notFound) || (id == "none") != (got.ResponseElements == nil) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	if _, err := s.AddEventRule(localaws.EventRule{Queue: queueARN, CapitalARN: true}); err != nil {
		t.Fatal(err)
	}
	version := s.put("db", "three")
	events := s.arrived()
	want := map[string]any{"aRN": arn, "name": "db", "versionId": version}
	if diff := cmp.Diff(want, events[len(events)-1].Detail.ResponseElements); diff != "" {
		t.Errorf("response elements of an older event differ (-want +got):\n%s", diff)
	}
}

func TestReadsAreEventsOnlyWhereARuleWantsThem(t *testing.T) {
	s := newSetup(t)
	s.create("db", "one")
	s.follow(localaws.EventRule{})
	s.text("db", "AWSCURRENT")
	s.described("db")
	if got := s.arrivedNames(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
	s.follow(localaws.EventRule{Reads: true})
	s.text("db", "AWSCURRENT")
	s.described("db")
	if diff := cmp.Diff([]string{"GetSecretValue", "DescribeSecret"}, s.arrivedNames()); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	other, err := s.AddQueue(localaws.Queue{Name: "others"})
	_, ruled := s.AddEventRule(localaws.EventRule{Name: "others", Queue: must(t, other, err)})
	must(t, "", ruled)
	s.described("db")
	if got := s.Messages(other); len(got) != 0 {
		t.Errorf("another rule's reads arrive: %q", got)
	}
}

// TestABatchIsAnEventForEachSecret: who reads in a batch is found in the same way as who reads alone.
func TestABatchIsAnEventForEachSecret(t *testing.T) {
	s := newSetup(t)
	arn := aws.ToString(s.create("db", "one").ARN)
	s.follow(localaws.EventRule{Reads: true})
	_, err := s.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"db", "none"}})
	must(t, "", err)
	var got [][]any
	for _, event := range s.arrived() {
		checkEnvelope(t, event)
		got = append(got, []any{event.Detail.EventName, event.Detail.RequestParameters["secretId"], event.Detail.ErrorCode})
	}
	want := [][]any{{"BatchGetSecretValue", nil, ""}, {"GetSecretValue", arn, ""}, {"GetSecretValue", "none", notFound}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}
