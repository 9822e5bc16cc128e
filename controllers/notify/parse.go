package notify

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/secretsync/secretsync/controllers/arns"
)

// Rotation is the state of a secret's rotation that an event reports.
type Rotation string

// States of rotations (page "AWS CloudTrail entries for Secrets Manager"). Events of other things have no state.
const (
	RotationStarted   Rotation = "Started"
	RotationSucceeded Rotation = "Succeeded"
	RotationFailed    Rotation = "Failed"
	RotationAbandoned Rotation = "Abandoned"
)

// Change is a change of a secret that an event reports.
type Change struct {
	// SecretID is the secret as the event names it: a name, a partial or a full ARN.
	SecretID string
	// ARN is the full ARN of the secret; empty if the event does not have it.
	ARN string
	// Region and Account of the secret; empty if the event does not have them.
	Region, Account string
	// Event is the name of the event, for example PutSecretValue, or LabelUpdated.
	Event string
	// Rotation is the state of the rotation; empty if the event is of something else.
	Rotation Rotation
	// Time is when the change happened, in whole seconds; zero if the event has no time.
	Time time.Time
	// VersionID is the version that the change created, or moved a staging label to; empty if the event names none.
	VersionID string
	// Stages are the staging labels that moved to it; empty if the event names none.
	Stages []string
	// Forced says that the secret was deleted without a recovery window.
	Forced bool
}

var (
	// errMalformed is the error for a message that is no event, or an event of Secrets Manager that names no secret.
	errMalformed = errors.New("the message is no event of EventBridge, or names no secret")
	// errNoChange is the error for an event of something else, or of a call that changed nothing.
	errNoChange = errors.New("the event reports no change of a secret")
)

// Detail types of the events of Secrets Manager (pages "Match Secrets Manager events with EventBridge" and "Secret
// Label Updated event"). The last one needs no trail, and AWS does not send it for AWSPENDING and AWSPREVIOUS.
const (
	eventSource   = "aws.secretsmanager"
	apiCall       = "AWS API Call via CloudTrail"
	serviceEvent  = "AWS Service Event via CloudTrail"
	labelUpdated  = "Secret Label Updated"
	snsEnvelope   = "Notification"
	secretService = "secretsmanager"
	// eventLabelUpdated is the name that we give to labelUpdated events, which have no name.
	eventLabelUpdated = "LabelUpdated"
	// stageCurrent is the label that a new version gets unless the call says otherwise.
	stageCurrent = "AWSCURRENT"
)

// changing says whether a call, or an event of the service itself, may change what a SecretSync reads or reports: the
// version, the state of the rotation, or a tag or policy that allows the read. The deletion of versions without a
// label changes nothing.
func changing(event string) bool {
	switch event {
	case "CreateSecret", "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "RotateSecret", "CancelRotateSecret",
		"DeleteSecret", "RestoreSecret", "TagResource", "UntagResource", "PutResourcePolicy", "DeleteResourcePolicy",
		"ReplicateSecretToRegions", "RemoveRegionsFromReplication", "StopReplicationToReplica",
		"ReplicationStarted", "ReplicationSucceeded", "ReplicationFailed",
		"TestRotationStarted", "TestRotationSucceeded", "TestRotationFailed", eventLabelUpdated:
		return true
	}
	return rotationOf(event) != ""
}

// rotationOf is the state of the rotation after an event, and empty for other events. A failed test of a rotation is
// no failed rotation.
func rotationOf(event string) Rotation {
	state, found := strings.CutPrefix(event, "Rotation")
	switch rotation := Rotation(state); rotation {
	case RotationStarted, RotationSucceeded, RotationFailed, RotationAbandoned:
		if found {
			return rotation
		}
	}
	return ""
}

// envelope has the fields that are read of an event of EventBridge, or of an SNS notification that contains an event.
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

// detail is what CloudTrail has recorded, or what labelUpdated events contain. Go matches the names of JSON fields in
// any case, so that arn is also aRN, as in some events before February 2024.
type detail struct {
	Name, LabelUpdated, VersionID string

	EventName, EventTime string
	AWSRegion            string
	ErrorCode            string
	RequestParameters    struct {
		SecretID, Name                                    string
		ClientRequestToken, VersionStage, MoveToVersionID optionalText
		VersionStages, ForceDeleteWithoutRecovery         json.RawMessage
	}
	ResponseElements struct {
		ARN       string
		VersionID optionalText
	}
	// AdditionalEventData and ServiceEventDetails name the secret in events of the service itself. Only the first is
	// documented.
	AdditionalEventData struct {
		SecretID           string
		ClientRequestToken optionalText
	}
	ServiceEventDetails struct{ SecretID string }
}

// optionalText is a string that an event may have. It is empty if the event has something else in its place, which
// does not make the event malformed.
type optionalText string

// UnmarshalJSON accepts any JSON, and keeps a string.
func (t *optionalText) UnmarshalJSON(raw []byte) error {
	var content string
	if json.Unmarshal(raw, &content) == nil {
		*t = optionalText(content)
	}
	return nil
}

// Parse parses the body of a message: an event of EventBridge, or an SNS notification that contains one. Its errors
// never quote the body.
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
		recorded = detail{EventName: eventLabelUpdated, Name: recorded.Name, LabelUpdated: recorded.LabelUpdated, VersionID: recorded.VersionID}
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
	// A rule may forward events from another account or region: the ARN has those of the secret.
	for _, id := range []string{change.SecretID, change.ARN} {
		if arn, ok := arns.ParseSecret(id); ok {
			change.Region, change.Account = arn.Region, arn.Account
		}
	}
	for _, text := range []string{e.Time, recorded.EventTime} { // The time of CloudTrail is nearer to the change.
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			change.Time = at.Truncate(time.Second)
		}
	}
	change.Stages, change.VersionID = recorded.moved()
	change.Forced = recorded.EventName == "DeleteSecret" && string(recorded.RequestParameters.ForceDeleteWithoutRecovery) == "true"
	return change, nil
}

// moved is the version that an event names, and the staging labels that were moved to it. A request token is a
// version id only if the call must have had a value.
func (d *detail) moved() (stages []string, versionID string) {
	asked, answered := &d.RequestParameters, string(d.ResponseElements.VersionID)
	switch d.EventName {
	case eventLabelUpdated:
		return some(d.LabelUpdated), d.VersionID
	case "UpdateSecretVersionStage":
		return some(string(asked.VersionStage)), string(asked.MoveToVersionID)
	case "PutSecretValue":
		if answered = cmp.Or(answered, string(asked.ClientRequestToken)); len(asked.VersionStages) > 0 && string(asked.VersionStages) != "null" {
			if json.Unmarshal(asked.VersionStages, &stages) != nil {
				stages = nil
			}
			return stages, answered
		}
	case "RotationSucceeded":
		answered = string(d.AdditionalEventData.ClientRequestToken)
	case "CreateSecret", "UpdateSecret":
	default:
		return nil, ""
	}
	if answered == "" {
		return nil, ""
	}
	return some(stageCurrent), answered
}

// some is a list of one label, and empty for an empty label.
func some(stage string) []string {
	if stage == "" {
		return nil
	}
	return []string{stage}
}

// secretID is the secret by the first id that the event has for it.
func (e *envelope) secretID(recorded *detail) string {
	name := recorded.Name
	if recorded.EventName == "CreateSecret" {
		name = recorded.RequestParameters.Name
	}
	return cmp.Or(recorded.RequestParameters.SecretID, recorded.AdditionalEventData.SecretID, recorded.ServiceEventDetails.SecretID, name, e.fullARN(recorded))
}

// fullARN is the ARN that AWS has put into the event. An ARN in the request may be partial.
func (e *envelope) fullARN(recorded *detail) string {
	for _, id := range append([]string{recorded.ResponseElements.ARN, recorded.AdditionalEventData.SecretID, recorded.ServiceEventDetails.SecretID}, e.Resources...) {
		if _, ok := arns.ParseSecret(id); ok {
			return id
		}
	}
	return ""
}
