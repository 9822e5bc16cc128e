package notify

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Rotation is what an event tells of the rotation of a secret.
type Rotation string

// What becomes of rotations (page "AWS CloudTrail entries for Secrets Manager"). Events of other things than
// rotations have none of these.
const (
	RotationStarted   Rotation = "Started"
	RotationSucceeded Rotation = "Succeeded"
	RotationFailed    Rotation = "Failed"
	RotationAbandoned Rotation = "Abandoned"
)

// Change is what an event tells.
type Change struct {
	// SecretID is the secret as the event names it: a name, a partial or a full ARN.
	SecretID string
	// ARN is the full ARN of the secret; empty where the event does not tell.
	ARN string
	// Region and Account of the secret, as far as the event tells.
	Region, Account string
	// Event is the name of the event, for example PutSecretValue, or LabelUpdated.
	Event string
	// Rotation is set where the event tells of one.
	Rotation Rotation
	// Time is when it happened; zero where the event does not tell.
	Time time.Time
}

var (
	// errMalformed is a message that is no event, or one of Secrets Manager that names no secret.
	errMalformed = errors.New("the message is no event of EventBridge, or names no secret")
	// errNoChange is an event of something else, or of a call that changed nothing.
	errNoChange = errors.New("the event tells of no change of a secret")
)

// Detail types of the events of Secrets Manager (pages "Match Secrets Manager events with EventBridge" and "Secret
// Label Updated event"). The last needs no trail, and there is none of it for AWSPENDING and AWSPREVIOUS.
const (
	eventSource   = "aws.secretsmanager"
	apiCall       = "AWS API Call via CloudTrail"
	serviceEvent  = "AWS Service Event via CloudTrail"
	labelUpdated  = "Secret Label Updated"
	partsOfARN    = 7
	snsEnvelope   = "Notification"
	secretService = "secretsmanager"
)

// changing are the calls and the service's own doings after which a SecretSync may have something else to
// do: another version, another health of the rotation, another tag or policy that lets it read. Versions
// without a label are deleted without anybody's noticing.
func changing(event string) bool {
	switch event {
	case "CreateSecret", "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "RotateSecret", "CancelRotateSecret",
		"DeleteSecret", "RestoreSecret", "TagResource", "UntagResource", "PutResourcePolicy", "DeleteResourcePolicy",
		"ReplicateSecretToRegions", "RemoveRegionsFromReplication", "StopReplicationToReplica",
		"ReplicationStarted", "ReplicationSucceeded", "ReplicationFailed",
		"TestRotationStarted", "TestRotationSucceeded", "TestRotationFailed", "LabelUpdated":
		return true
	}
	return rotationOf(event) != ""
}

// rotationOf is what becomes of a rotation by an event; nothing for other events. A test of a rotation that
// failed is no rotation that failed.
func rotationOf(event string) Rotation {
	outcome, is := strings.CutPrefix(event, "Rotation")
	switch rotation := Rotation(outcome); rotation {
	case RotationStarted, RotationSucceeded, RotationFailed, RotationAbandoned:
		if is {
			return rotation
		}
	}
	return ""
}

// envelope is an event of EventBridge, as far as it is looked at, or a notification of SNS with one in it.
type envelope struct {
	Type, Message string

	Source     string
	DetailType string `json:"detail-type"`
	Time       string
	Region     string
	Account    string
	Resources  []string
	Detail     json.RawMessage
}

// detail is what CloudTrail has recorded, or the name of a secret whose label has moved. The names of JSON's fields are matched whatever their case, so that
// arn is also aRN, as some events called it before February 2024.
type detail struct {
	Name              string
	EventName         string
	AWSRegion         string
	ErrorCode         string
	RequestParameters struct{ SecretID, Name string }
	ResponseElements  struct{ ARN string }
	// AdditionalEventData is where the service's own events name the secret.
	AdditionalEventData struct{ SecretID string }
}

// Parse reads the body of a message: an event of EventBridge, or one that SNS has wrapped up. Errors never
// quote it.
func Parse(body []byte) (Change, error) {
	var event envelope
	if err := json.Unmarshal(body, &event); err != nil {
		return Change{}, errMalformed
	}
	if event.Type == snsEnvelope && event.Message != "" {
		inner := event.Message
		event = envelope{}
		if err := json.Unmarshal([]byte(inner), &event); err != nil {
			return Change{}, errMalformed
		}
	}
	switch {
	case event.Source == "" || event.DetailType == "":
		return Change{}, errMalformed
	case event.Source != eventSource || event.DetailType != apiCall && event.DetailType != serviceEvent && event.DetailType != labelUpdated:
		return Change{}, errNoChange
	}
	var recorded detail
	if err := json.Unmarshal(event.Detail, &recorded); err != nil {
		return Change{}, errMalformed
	}
	if event.DetailType == labelUpdated {
		recorded = detail{EventName: "LabelUpdated", Name: recorded.Name}
	}
	return event.change(&recorded)
}

func (e *envelope) change(recorded *detail) (Change, error) {
	refused := e.DetailType == apiCall && recorded.ErrorCode != ""
	if refused || !changing(recorded.EventName) {
		return Change{}, errNoChange
	}
	change := Change{
		SecretID: e.secretID(recorded), ARN: e.fullARN(recorded), Region: cmp.Or(e.Region, recorded.AWSRegion), Account: e.Account,
		Event: recorded.EventName, Rotation: rotationOf(recorded.EventName),
	}
	if change.SecretID == "" {
		return Change{}, errMalformed
	}
	// An event may be sent on from another account or region; the ARN tells where the secret is.
	for _, id := range []string{change.SecretID, change.ARN} {
		if at, ok := placeIn(id); ok {
			change.Region, change.Account = at.region, at.account
		}
	}
	if at, err := time.Parse(time.RFC3339, e.Time); err == nil {
		change.Time = at
	}
	return change, nil
}

// secretID is the secret as the event names it first.
func (e *envelope) secretID(recorded *detail) string {
	name := recorded.Name
	if recorded.EventName == "CreateSecret" {
		name = recorded.RequestParameters.Name
	}
	return cmp.Or(recorded.RequestParameters.SecretID, recorded.AdditionalEventData.SecretID, name, e.fullARN(recorded))
}

// fullARN is the one that AWS itself has put into the event. What the caller wrote may be a partial one.
func (e *envelope) fullARN(recorded *detail) string {
	for _, id := range append([]string{recorded.ResponseElements.ARN, recorded.AdditionalEventData.SecretID}, e.Resources...) {
		if _, ok := placeIn(id); ok {
			return id
		}
	}
	return ""
}
