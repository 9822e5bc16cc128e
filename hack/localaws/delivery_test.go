package localaws_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/hack/localaws"
)

// numbered causes events with numbers, and gives the order in which they arrive.
func (s *setup) numbered(count int, how localaws.Delivery) (numbers []string) {
	s.Helper()
	if err := s.SetDelivery(how); err != nil {
		s.Fatal(err)
	}
	for i := range count {
		_, err := s.UntagResource(s.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String("db"), TagKeys: []string{fmt.Sprint(i)}})
		must(s.T, "", err)
	}
	if err := s.AwaitDelivery(s.Context()); err != nil {
		s.Fatal(err)
	}
	for _, event := range s.arrived() {
		numbers = append(numbers, fmt.Sprint(event.Detail.RequestParameters["tagKeys"].([]any)[0]))
	}
	return numbers
}

func TestEventsFareAsTheyAreTold(t *testing.T) {
	for name, test := range map[string]struct {
		how  localaws.Delivery
		want []string
	}{
		"at once":                      {want: []string{"0", "1", "2", "3"}},
		"late":                         {how: localaws.Delivery{Delay: 20 * time.Millisecond}, want: []string{"0", "1", "2", "3"}},
		"all twice":                    {how: localaws.Delivery{Duplicated: 1}, want: []string{"0", "0", "1", "1", "2", "2", "3", "3"}},
		"all lost":                     {how: localaws.Delivery{Lost: 1}},
		"some lost, by the seed":       {how: localaws.Delivery{Lost: 0.5, Seed: 1}, want: []string{"1", "2", "3"}},
		"some overtaken, by the seed":  {how: localaws.Delivery{Reordered: 0.5, Seed: 5}, want: []string{"1", "0", "2", "3"}},
		"late, and some of them twice": {how: localaws.Delivery{Delay: 20 * time.Millisecond, Duplicated: 0.5, Seed: 3}, want: []string{"0", "0", "1", "1", "2", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.create("db", "one")
			s.follow(localaws.EventRule{EventNames: []string{"UntagResource"}})
			if diff := cmp.Diff(test.want, s.numbered(4, test.how)); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventsAreHeldUntilTheyAreFlushed(t *testing.T) {
	s := newSetup(t)
	s.follow(localaws.EventRule{})
	must(t, "", s.SetDelivery(localaws.Delivery{Hold: true}))
	s.create("db", "one")
	s.put("db", "two")
	if got := s.arrivedNames(); len(got) != 0 {
		t.Errorf("held events arrive: %v", got)
	}
	if count := s.FlushEvents(); count != 2 {
		t.Errorf("%d events are flushed", count)
	}
	if diff := cmp.Diff([]string{"CreateSecret", "PutSecretValue"}, s.arrivedNames()); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	for _, invalid := range []localaws.Delivery{{Lost: 1.5}, {Delay: -1}} {
		if s.SetDelivery(invalid) == nil {
			t.Errorf("an invalid delivery is accepted: %+v", invalid)
		}
	}
}

func TestAnEventArrivesAtAReceiver(t *testing.T) {
	l := newLane(t)
	l.follow(localaws.EventRule{})
	l.create("db", "one")
	received, err := l.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url, WaitTimeSeconds: 20})
	var event receivedEvent
	if err := json.Unmarshal([]byte(aws.ToString(must(t, received, err).Messages[0].Body)), &event); err != nil || event.Detail.EventName != "CreateSecret" {
		t.Errorf("got %+v, %v", event, err)
	}
}

func TestARuleSeesItsOwnRegionAndAccount(t *testing.T) {
	for name, test := range map[string]struct {
		rule localaws.EventRule
		want int
	}{
		"the same":       {want: 1},
		"another region": {rule: localaws.EventRule{Region: "eu-central-1"}},
		"any region":     {rule: localaws.EventRule{Region: "*"}, want: 1},
		"other account":  {rule: localaws.EventRule{Account: "444455556666"}},
		"another type":   {rule: localaws.EventRule{DetailTypes: []string{localaws.ByService}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.follow(test.rule)
			s.create("db", "one")
			if got := s.arrivedNames(); len(got) != test.want {
				t.Errorf("events %v", got)
			}
		})
	}
	s := newSetup(t)
	if _, err := s.AddEventRule(localaws.EventRule{Queue: queueARN}); err == nil {
		t.Error("a rule for no queue is accepted")
	}
}

func TestAQueuesPolicyLetsEventsIn(t *testing.T) {
	const policy = `{"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "` + queueARN + `",
		"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-west-1:111122223333:rule/changes"}}}}`
	for rule, want := range map[string]int{"changes": 1, "others": 0} {
		t.Run(rule, func(t *testing.T) {
			s := newSetup(t)
			s.follow(localaws.EventRule{Name: rule})
			_, err := s.AddQueue(localaws.Queue{Name: "changes", Policy: policy})
			must(t, "", err)
			s.create("db", "one")
			if got := s.arrivedNames(); len(got) != want {
				t.Errorf("events %v", got)
			}
		})
	}
}

func TestALabelThatMovesHasAnEventOfItsOwn(t *testing.T) {
	s := newSetup(t)
	s.RegisterRotationFunction(functionARN, s.RotatePassword())
	s.follow(localaws.EventRule{DetailTypes: []string{localaws.LabelUpdated}})
	made := s.create("db", `{"password":"one"}`)
	first, arn := aws.ToString(made.VersionId), aws.ToString(made.ARN)
	second := s.put("db", `{"password":"two"}`)
	third := s.put("db", `{"password":"three"}`, "BLUE", "AWSPENDING")
	_, err := s.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("db"), VersionStage: aws.String("AWSCURRENT"),
		MoveToVersionId: &first, RemoveFromVersionId: &second})
	must(t, "", err)
	_, err = s.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("db"), VersionStage: aws.String("AWSPENDING"), RemoveFromVersionId: &third})
	must(t, "", err)
	fourth, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
	must(t, "", err)
	s.await("the rotation moves the label", func() bool { return len(s.arrived()) == 5 })
	want := []string{"AWSCURRENT " + first, "AWSCURRENT " + second, "BLUE " + third, "AWSCURRENT " + first, "AWSCURRENT " + fourth}
	var got []string
	for _, event := range s.arrived() {
		got = append(got, event.Detail.LabelUpdated+" "+event.Detail.VersionID)
		if event.DetailType != "Secret Label Updated" || !slices.Equal(event.Resources, []string{arn}) || event.Detail.Name != "db" {
			t.Errorf("event: %+v", event)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
}
