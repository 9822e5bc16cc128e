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
	// Time is when it happened, in whole seconds; zero where the event does not tell.
	Time time.Time
	// VersionID is the version that the change made, or moved a staging label to; empty where the event names none.
	VersionID string
	// Stages are the staging labels that moved; none where the event does not tell.
	Stages []string
	// Forced says that the secret was deleted without a recovery window.
	Forced bool
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
	// eventLabelUpdated stands for the name that such an event does not have.
	eventLabelUpdated = "LabelUpdated"
	// stageCurrent is the label that a new version gets unless the call says otherwise.
	stageCurrent = "AWSCURRENT"
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
		"TestRotationStarted", "TestRotationSucceeded", "TestRotationFailed", eventLabelUpdated:
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

// detail is what CloudTrail has recorded, or what is told of a label that has moved. The names of JSON's fields are
// matched whatever their case, so that arn is also aRN, as some events called it before February 2024.
type detail struct {
	Name, LabelUpdated, VersionID string

	EventName, EventTime string
	AWSRegion            string
	ErrorCode            string
	RequestParameters    struct {
		SecretID, Name                                    string
		ClientRequestToken, VersionStage, MoveToVersionID text
		VersionStages, ForceDeleteWithoutRecovery         json.RawMessage
	}
	ResponseElements struct {
		ARN       string
		VersionID text
	}
	// AdditionalEventData and ServiceEventDetails are where the service's own events name the secret; of the two, only
	// the first is documented.
	AdditionalEventData struct {
		SecretID           string
		ClientRequestToken text
	}
	ServiceEventDetails struct{ SecretID string }
}

// text is a string that an event may have; anything else in its place is none, and does not make the event unreadable.
type text string

// UnmarshalJSON takes a string.
func (t *text) UnmarshalJSON(raw []byte) error {
	var is string
	if json.Unmarshal(raw, &is) == nil {
		*t = text(is)
	}
	return nil
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
	// An event may be sent on from another account or region; the ARN tells where the secret is.
	for _, id := range []string{change.SecretID, change.ARN} {
		if at, ok := placeIn(id); ok {
			change.Region, change.Account = at.region, at.account
		}
	}
	for _, told := range []string{e.Time, recorded.EventTime} { // What CloudTrail has recorded is nearer to the change.
		if at, err := time.Parse(time.RFC3339, told); err == nil {
			change.Time = at.Truncate(time.Second)
		}
	}
	change.Stages, change.VersionID = recorded.moved()
	change.Forced = recorded.EventName == "DeleteSecret" && string(recorded.RequestParameters.ForceDeleteWithoutRecovery) == "true"
	return change, nil
}

// moved is the version that an event names, and the labels that are on it since. A token is a version only where the
// call cannot have been without a value.
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

// some is a list of what is there.
func some(stage string) []string {
	if stage == "" {
		return nil
	}
	return []string{stage}
}

// secretID is the secret as the event names it first.
func (e *envelope) secretID(recorded *detail) string {
	name := recorded.Name
	if recorded.EventName == "CreateSecret" {
		name = recorded.RequestParameters.Name
	}
	return cmp.Or(recorded.RequestParameters.SecretID, recorded.AdditionalEventData.SecretID, recorded.ServiceEventDetails.SecretID, name, e.fullARN(recorded))
}

// fullARN is the one that AWS itself has put into the event. What the caller wrote may be a partial one.
func (e *envelope) fullARN(recorded *detail) string {
	for _, id := range append([]string{recorded.ResponseElements.ARN, recorded.AdditionalEventData.SecretID, recorded.ServiceEventDetails.SecretID}, e.Resources...) {
		if _, ok := placeIn(id); ok {
			return id
		}
	}
	return ""
}
