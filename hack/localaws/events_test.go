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

// told is what a consumer reads out of an event.
type told struct {
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

// follow makes a queue that gets the events.
func (w *world) follow(rule localaws.EventRule) {
	w.Helper()
	arn, err := w.AddQueue(localaws.Queue{Name: "changes"})
	must(w.T, arn, err)
	rule.Queue = arn
	_, err = w.AddEventRule(rule)
	must(w.T, "", err)
}

// arrived are the events in the queue.
func (w *world) arrived() (all []told) {
	w.Helper()
	for _, body := range w.Messages(queueARN) {
		var one told
		if err := json.Unmarshal([]byte(body), &one); err != nil {
			w.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func (w *world) arrivedNames() (names []string) {
	w.Helper()
	for _, one := range w.arrived() {
		names = append(names, one.Detail.EventName)
	}
	return names
}

// changingCall is a call that has an event.
type changingCall struct {
	do   func(w *world) error
	want map[string]any // request parameters, whole
	code string
}

// changingCalls are those about a secret of that name.
func changingCalls(id string) map[string]changingCall {
	return map[string]changingCall{
		"PutSecretValue": {want: map[string]any{"secretId": id, "versionStages": []any{"AWSCURRENT"}, "clientRequestToken": "a1a1a1a1-0000-0000-0000-000000000000"}, do: func(w *world) error {
			_, err := w.PutSecretValue(w.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String(id), SecretString: aws.String("hidden"),
				VersionStages: []string{"AWSCURRENT"}, ClientRequestToken: aws.String("a1a1a1a1-0000-0000-0000-000000000000")})
			return err
		}},
		"UpdateSecret": {want: map[string]any{"secretId": id, "description": "of the shop", "clientRequestToken": "a1a1a1a1-0000-0000-0000-000000000000"}, do: func(w *world) error {
			_, err := w.UpdateSecret(w.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String(id), SecretBinary: []byte("hidden"),
				Description: aws.String("of the shop"), ClientRequestToken: aws.String("a1a1a1a1-0000-0000-0000-000000000000")})
			return err
		}},
		"UpdateSecretVersionStage": {want: map[string]any{"secretId": id, "versionStage": "BLUE", "moveToVersionId": "none"}, code: notFound, do: func(w *world) error {
			_, err := w.UpdateSecretVersionStage(w.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String(id),
				VersionStage: aws.String("BLUE"), MoveToVersionId: aws.String("none")})
			return err
		}},
		"DeleteSecret": {want: map[string]any{"secretId": id, "recoveryWindowInDays": 7.0}, do: func(w *world) error {
			_, err := w.DeleteSecret(w.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String(id), RecoveryWindowInDays: aws.Int64(7)})
			return err
		}},
		"RestoreSecret": {want: map[string]any{"secretId": id}, do: func(w *world) error {
			_, err := w.RestoreSecret(w.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String(id)})
			return err
		}},
		"CancelRotateSecret": {want: map[string]any{"secretId": id}, do: func(w *world) error {
			_, err := w.CancelRotateSecret(w.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: aws.String(id)})
			return err
		}},
		"TagResource": {want: map[string]any{"secretId": id, "tags": []any{map[string]any{"key": "team", "value": "payments"}}}, do: func(w *world) error {
			_, err := w.TagResource(w.Context(), &secretsmanager.TagResourceInput{SecretId: aws.String(id), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("payments")}}})
			return err
		}},
		"UntagResource": {want: map[string]any{"secretId": id, "tagKeys": []any{"team"}}, do: func(w *world) error {
			_, err := w.UntagResource(w.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String(id), TagKeys: []string{"team"}})
			return err
		}},
		"ReplicateSecretToRegions": {want: map[string]any{"secretId": id, "addReplicaRegions": []any{map[string]any{"region": "eu-central-1"}}}, do: func(w *world) error {
			_, err := w.ReplicateSecretToRegions(w.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String(id),
				AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-central-1")}}})
			return err
		}},
		"RemoveRegionsFromReplication": {want: map[string]any{"secretId": id, "removeReplicaRegions": []any{"eu-central-1"}}, do: func(w *world) error {
			_, err := w.RemoveRegionsFromReplication(w.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: aws.String(id), RemoveReplicaRegions: []string{"eu-central-1"}})
			return err
		}},
		"RotateSecret": {want: map[string]any{"secretId": id, "clientRequestToken": token}, code: "InvalidRequestException", do: func(w *world) error {
			_, err := w.RotateSecret(w.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String(id), ClientRequestToken: aws.String(token)})
			return err
		}},
	}
}

// checkEnvelope holds what every event of a call has, whatever the call.
func checkEnvelope(t *testing.T, event told) {
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
			w := newWorld(t)
			arn := aws.ToString(w.create(id, "hidden").ARN)
			w.follow(localaws.EventRule{EventNames: []string{name}})
			err := call.do(w)
			if call.code == "" {
				must(t, "", err)
			}
			got := w.arrived()
			if len(got) != 1 {
				t.Fatalf("%d events: %q", len(got), w.Messages(queueARN))
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
			if strings.Contains(strings.Join(w.Messages(queueARN), ""), "hidden") {
				t.Error("an event holds a value")
			}
		})
	}
}

func TestAnEventNamesASecretAsItsCallerDid(t *testing.T) {
	w := newWorld(t)
	arn := aws.ToString(w.create("db", "one").ARN)
	w.follow(localaws.EventRule{})
	for _, id := range []string{"db", arn, arn[:len(arn)-7], "none"} {
		_, _ = w.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: aws.String("two")}) // One of them is refused.
		events := w.arrived()
		if got := events[len(events)-1].Detail; got.RequestParameters["secretId"] != id || (id == "none") != (got.ErrorCode == notFound) || (id == "none") != (got.ResponseElements == nil) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	if _, err := w.AddEventRule(localaws.EventRule{Queue: queueARN, CapitalARN: true}); err != nil {
		t.Fatal(err)
	}
	version := w.put("db", "three")
	events := w.arrived()
	want := map[string]any{"aRN": arn, "name": "db", "versionId": version}
	if diff := cmp.Diff(want, events[len(events)-1].Detail.ResponseElements); diff != "" {
		t.Errorf("response elements of an older event differ (-want +got):\n%s", diff)
	}
}

func TestReadsAreEventsOnlyWhereARuleWantsThem(t *testing.T) {
	w := newWorld(t)
	w.create("db", "one")
	w.follow(localaws.EventRule{})
	w.text("db", "AWSCURRENT")
	w.described("db")
	if got := w.arrivedNames(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
	w.follow(localaws.EventRule{Reads: true})
	w.text("db", "AWSCURRENT")
	w.described("db")
	if diff := cmp.Diff([]string{"GetSecretValue", "DescribeSecret"}, w.arrivedNames()); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	other, err := w.AddQueue(localaws.Queue{Name: "others"})
	_, ruled := w.AddEventRule(localaws.EventRule{Name: "others", Queue: must(t, other, err)})
	must(t, "", ruled)
	w.described("db")
	if got := w.Messages(other); len(got) != 0 {
		t.Errorf("another rule's reads arrive: %q", got)
	}
}
