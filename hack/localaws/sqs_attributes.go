package localaws

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

// redrivePolicy is the attribute that names a dead-letter queue. The console and the SDKs write the count
// as a number or as a text.
type redrivePolicy struct {
	DeadLetterTargetArn string          `json:"deadLetterTargetArn"`
	MaxReceiveCount     json.RawMessage `json:"maxReceiveCount"`
}

// attributes are all attributes of a queue. The mutex must be held.
func (s *Server) attributes(on *queue) map[string]string {
	visible, hidden, delayed := on.counts(s.now())
	all := map[string]string{
		"QueueArn":                              on.arn,
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
		"CreatedTimestamp":                      strconv.FormatInt(on.created.Unix(), 10),
		"LastModifiedTimestamp":                 strconv.FormatInt(on.changed.Unix(), 10),
		"VisibilityTimeout":                     seconds(on.VisibilityTimeout),
		"DelaySeconds":                          seconds(on.delay),
		"ReceiveMessageWaitTimeSeconds":         seconds(on.wait),
		"MessageRetentionPeriod":                seconds(on.retention),
		"MaximumMessageSize":                    strconv.Itoa(messageMost),
		"SqsManagedSseEnabled":                  "true",
	}
	if on.Policy != "" {
		all["Policy"] = on.Policy
	}
	if on.DeadLetterQueue != "" {
		all["RedrivePolicy"] = `{"deadLetterTargetArn":"` + on.DeadLetterQueue + `","maxReceiveCount":` + strconv.Itoa(on.MaxReceives) + `}`
	}
	return all
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

type attributesInput struct {
	byURL
	AttributeNames []string
}

func (s *Server) getQueueAttributes(_ *queueCall, on *queue, input *attributesInput) (any, error) {
	all, requested := s.attributes(on), map[string]string{}
	for name, value := range all {
		if slices.Contains(input.AttributeNames, "All") || slices.Contains(input.AttributeNames, name) {
			requested[name] = value
		}
	}
	for _, name := range input.AttributeNames {
		if _, known := all[name]; !known && !slices.Contains([]string{"All", "Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"}, name) {
			return nil, refuse("InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	return struct {
		Attributes map[string]string `json:",omitempty"`
	}{requested}, nil
}

type setAttributesInput struct {
	byURL
	Attributes map[string]string
}

func (s *Server) setQueueAttributes(_ *queueCall, on *queue, input *setAttributesInput) (any, error) {
	return nil, s.set(on, input.Attributes)
}

// set changes attributes: all of them, or none after an error. The mutex must be held.
func (s *Server) set(on *queue, attributes map[string]string) error {
	changed := *on
	for name, value := range attributes {
		if err := changed.setOne(name, value); err != nil {
			return err
		}
	}
	changed.changed = s.now()
	*on = changed
	on.changes.wake() // Receivers may have to wait less.
	return nil
}

func (q *queue) setOne(name, value string) error {
	var err error
	switch name {
	case "VisibilityTimeout":
		q.VisibilityTimeout, err = bounded(name, value, 0, visibilityMost)
	case "DelaySeconds":
		q.delay, err = bounded(name, value, 0, delayMost)
	case "ReceiveMessageWaitTimeSeconds":
		q.wait, err = bounded(name, value, 0, waitMost)
	case "MessageRetentionPeriod":
		q.retention, err = bounded(name, value, time.Minute, 14*day)
	case "Policy":
		return q.setPolicy(value)
	case "RedrivePolicy":
		return q.setRedrive(value)
	case "MaximumMessageSize", "SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds":
		// These have no effect here.
	default:
		return refuse("InvalidAttributeName", "Unknown Attribute %s.", name)
	}
	return err
}

// bounded reads a number of seconds.
func bounded(name, value string, least, most time.Duration) (time.Duration, error) {
	count, err := strconv.Atoi(value)
	if d := time.Duration(count) * time.Second; err == nil && d >= least && d <= most {
		return d, nil
	}
	return 0, refuse("InvalidAttributeValue", "Invalid value for the parameter %s.", name)
}

func (q *queue) setPolicy(text string) error {
	if q.Policy, q.policy = text, nil; text == "" {
		return nil
	}
	parsed, err := iam.ParseResource(text)
	if err != nil {
		return refuse("InvalidAttributeValue", "Invalid value for the parameter Policy.")
	}
	q.policy = parsed
	return nil
}

func (q *queue) setRedrive(text string) error {
	if q.DeadLetterQueue, q.MaxReceives = "", 0; text == "" {
		return nil
	}
	wrong := func(reason string) error {
		return wrongValue("Value %s for parameter RedrivePolicy is invalid. Reason: %s", text, reason)
	}
	var policy redrivePolicy
	if json.Unmarshal([]byte(text), &policy) != nil {
		return wrong("Redrive policy is not a valid JSON map.")
	}
	count, err := strconv.Atoi(string(trimQuotes(policy.MaxReceiveCount)))
	if err != nil || count < 1 || count > 1000 {
		return wrong("Invalid value for maxReceiveCount: must be between 1 and 1000.")
	}
	if _, _, err := placeOfQueue(policy.DeadLetterTargetArn); err != nil {
		return wrong("Invalid value for deadLetterTargetArn.")
	}
	q.DeadLetterQueue, q.MaxReceives = policy.DeadLetterTargetArn, count
	return nil
}

func trimQuotes(raw json.RawMessage) json.RawMessage {
	if len(raw) > 1 && raw[0] == '"' {
		return raw[1 : len(raw)-1]
	}
	return raw
}
