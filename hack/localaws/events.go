package localaws

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Detail types of the events of Secrets Manager (pages "AWS CloudTrail entries for Secrets Manager" and
// "Secret event notifications").
const (
	ByAPICall    = "AWS API Call via CloudTrail"
	ByService    = "AWS Service Event via CloudTrail"
	LabelUpdated = "Secret Label Updated"
)

const (
	eventSource = "secretsmanager.amazonaws.com"
	// eventTime is the layout of times of CloudTrail and EventBridge.
	eventTime = "2006-01-02T15:04:05Z"
)

// Event is an event as EventBridge writes it.
type Event struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	// Detail is a Trail, or a Label where DetailType is LabelUpdated.
	Detail any `json:"detail"`
}

// Trail is CloudTrail's record of a call or of an action of the service itself. It never has a value.
type Trail struct {
	EventVersion    string         `json:"eventVersion"`
	UserIdentity    map[string]any `json:"userIdentity"`
	EventTime       string         `json:"eventTime"`
	EventSource     string         `json:"eventSource"`
	EventName       string         `json:"eventName"`
	AWSRegion       string         `json:"awsRegion"`
	SourceIPAddress string         `json:"sourceIPAddress"`
	UserAgent       string         `json:"userAgent"`
	ErrorCode       string         `json:"errorCode,omitempty"`
	ErrorMessage    string         `json:"errorMessage,omitempty"`
	// RequestParameters are as the caller wrote them, without values.
	RequestParameters map[string]any `json:"requestParameters"`
	// ResponseElements are arn, name and versionId.
	ResponseElements map[string]any `json:"responseElements"`
	// AdditionalEventData of a service event has the secret's ARN as SecretId.
	AdditionalEventData map[string]any `json:"additionalEventData,omitempty"`
	RequestID           string         `json:"requestID,omitempty"`
	EventID             string         `json:"eventID"`
	ReadOnly            bool           `json:"readOnly"`
	EventType           string         `json:"eventType"`
	ManagementEvent     bool           `json:"managementEvent"`
	RecipientAccountID  string         `json:"recipientAccountId"`
	EventCategory       string         `json:"eventCategory"`
}

// Label is the detail of a Secret Label Updated event: a staging label has moved to another version. There are none for
// AWSPENDING and AWSPREVIOUS (page "Secret Label Updated event").
type Label struct {
	Name         string `json:"name"`
	LabelUpdated string `json:"labelUpdated"`
	VersionID    string `json:"versionId"`
}

// wantsReads says whether a rule matches calls that change nothing.
func (b *bridge) wantsReads() bool {
	return slices.ContainsFunc(b.rules, func(r EventRule) bool { return r.Reads })
}

// quiet says whether an operation changes nothing; only rules with Reads match it.
func quiet(operation string) bool {
	for _, prefix := range []string{"Get", "BatchGet", "Describe", "List", "Validate"} {
		if strings.HasPrefix(operation, prefix) {
			return true
		}
	}
	return false
}

// trail makes the event of a call, once it is answered or refused.
func (s *Server) trail(call *request, answer any, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.expire()
	if quiet(call.operation) && !s.bridge.wantsReads() {
		return
	}
	at := call.at
	if err == nil && call.on != nil {
		at.account = accountOf(call.on.arn) // The event is in the trail of the secret's account, not in the caller's.
	}
	record := s.callTrail(call, at, call.operation)
	record.RequestParameters = parameters(call.body)
	if refusal, refused := asRefusal(err); refused {
		record.ErrorCode, record.ErrorMessage = refusal.code, refusal.message
	} else if call.on != nil && !record.ReadOnly {
		record.ResponseElements = map[string]any{"arn": call.on.arn, "name": call.on.name}
		if made, is := answer.(versionAnswer); is && made.VersionId != "" {
			record.ResponseElements["versionId"] = made.VersionId
		}
	}
	s.publish(at, ByAPICall, nil, record)
	if read, is := answer.(batchAnswer); is && err == nil {
		s.trailBatch(call, at, read)
	}
}

// trailBatch publishes a GetSecretValue event for each secret of a batch (page "BatchGetSecretValue" of the API
// Reference). The mutex must be held.
func (s *Server) trailBatch(call *request, at place, read batchAnswer) {
	for _, value := range read.SecretValues {
		record := s.callTrail(call, at, "GetSecretValue")
		record.RequestParameters = map[string]any{"secretId": value.ARN}
		s.publish(at, ByAPICall, nil, record)
	}
	for _, refused := range read.Errors {
		record := s.callTrail(call, at, "GetSecretValue")
		record.RequestParameters = map[string]any{"secretId": refused.SecretId}
		record.ErrorCode, record.ErrorMessage = refused.ErrorCode, refused.Message
		s.publish(at, ByAPICall, nil, record)
	}
}

// callTrail has the fields that all records of calls share.
func (s *Server) callTrail(call *request, at place, name string) *Trail {
	record := s.newTrail(at, name)
	record.UserIdentity, record.UserAgent, record.SourceIPAddress = identity(call), strings.TrimSpace(call.userAgent), "127.0.0.1"
	record.EventType, record.RequestID, record.ReadOnly = "AwsApiCall", call.id, quiet(name)
	return record
}

// newTrail has the fields that all records of CloudTrail share.
func (s *Server) newTrail(at place, name string) *Trail {
	return &Trail{
		EventVersion: "1.11", EventTime: s.now().UTC().Format(eventTime), EventSource: eventSource, EventName: name, AWSRegion: at.region,
		EventID: newUUID(), ManagementEvent: true, RecipientAccountID: at.account, EventCategory: "Management",
	}
}

// publishServiceEvent publishes the event of an action of Secrets Manager itself. The mutex must be held.
func (s *Server) publishServiceEvent(what string, to *secret, more map[string]any, problem string) {
	at := to.place()
	record := s.newTrail(at, what)
	record.UserIdentity = map[string]any{"accountId": at.account, "invokedBy": eventSource}
	record.SourceIPAddress, record.UserAgent, record.EventType = eventSource, eventSource, "AwsServiceEvent"
	record.AdditionalEventData, record.ErrorMessage = map[string]any{"SecretId": to.arn}, problem
	maps.Copy(record.AdditionalEventData, more)
	s.publish(at, ByService, nil, record)
}

// labelled publishes an event for each label that has moved compared with earlier labels. The mutex must be held.
func (s *Server) labelled(on *secret, before map[string]string) {
	now := on.labels()
	var moved []string
	for label, versionID := range now {
		if before[label] != versionID && label != stagePending && label != stagePrevious {
			moved = append(moved, label)
		}
	}
	slices.Sort(moved)
	for _, label := range moved {
		s.publish(on.place(), LabelUpdated, []string{on.arn}, Label{Name: on.name, LabelUpdated: label, VersionID: now[label]})
	}
}

// labels are the versions of labels.
func (s *secret) labels() map[string]string {
	all := map[string]string{}
	for id, v := range s.versions {
		for _, label := range v.stages {
			all[label] = id
		}
	}
	return all
}

func (s *secret) place() place {
	parts := strings.SplitN(s.arn, ":", 6)
	return place{account: parts[4], region: parts[3]}
}

// identity describes a caller as CloudTrail does.
func identity(call *request) map[string]any {
	who := map[string]any{"type": "Root", "arn": call.caller.ARN, "accountId": call.caller.Account, "accessKeyId": call.accessKeyID}
	switch {
	case strings.Contains(call.caller.ARN, ":assumed-role/"):
		who["type"] = "AssumedRole"
		context := map[string]any{"sessionIssuer": map[string]any{
			"type": "Role", "arn": roleOf(call.caller.ARN), "accountId": call.caller.Account,
		}}
		if call.as != nil && call.as.session != nil && call.as.session.sourceIdentity != "" {
			context["sourceIdentity"] = call.as.session.sourceIdentity
		}
		who["sessionContext"] = context
	case strings.Contains(call.caller.ARN, ":user/"):
		who["type"] = "IAMUser"
		who["userName"] = call.caller.ARN[strings.LastIndex(call.caller.ARN, "/")+1:]
	}
	if call.as != nil {
		who["principalId"] = call.as.UserID
	}
	return who
}

// kept are the parameters that CloudTrail records. It lists what is allowed, so that a value cannot leak under another
// name.
func kept() []string {
	return []string{
		"SecretId", "SecretIdList", "Name", "Description", "KmsKeyId", "ClientRequestToken", "VersionStages", "VersionStage", "VersionId",
		"MoveToVersionId", "RemoveFromVersionId", "RecoveryWindowInDays", "ForceDeleteWithoutRecovery", "RotationLambdaARN", "RotationRules",
		"RotateImmediately", "AddReplicaRegions", "RemoveReplicaRegions", "ForceOverwriteReplicaSecret", "Tags", "TagKeys", "ResourcePolicy",
		"Filters", "MaxResults", "IncludePlannedDeletion",
	}
}

// parameters are a request's parameters as CloudTrail records them: names begin in lower case, and values of secrets
// are left out.
func parameters(body []byte) map[string]any {
	var said map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&said) != nil {
		return nil
	}
	recorded := map[string]any{}
	for _, name := range kept() {
		if value, is := said[name]; is {
			recorded[lowerFirst(name)] = lowered(value)
		}
	}
	return recorded
}

func lowered(value any) any {
	switch v := value.(type) {
	case map[string]any:
		recorded := map[string]any{}
		for name, inner := range v {
			recorded[lowerFirst(name)] = lowered(inner)
		}
		return recorded
	case []any:
		recorded := make([]any, 0, len(v))
		for _, inner := range v {
			recorded = append(recorded, lowered(inner))
		}
		return recorded
	}
	return value
}

func lowerFirst(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(first)) + name[size:]
}
