package events

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// states are all values that a Secret has held under its key "value", in order.
type states struct {
	sync.Mutex
	held []string
}

// watchValues starts to record every state of a Secret.
func (s *setup) watchValues(name string) *states {
	s.Helper()
	watching, err := client.NewWithWatch(s.env.Plane.Config(), client.Options{Scheme: s.env.Client.Scheme()})
	if err != nil {
		s.Fatal(err)
	}
	stream, err := watching.Watch(s.Context(), &corev1.SecretList{}, client.InNamespace(s.namespace))
	if err != nil {
		s.Fatal(err)
	}
	seen := &states{}
	go func() {
		for event := range stream.ResultChan() {
			if secret, is := event.Object.(*corev1.Secret); is && secret.Name == name {
				seen.add(string(secret.Data["value"]))
			}
		}
	}()
	return seen
}

func (v *states) add(content string) {
	v.Lock()
	defer v.Unlock()
	if len(v.held) == 0 || v.held[len(v.held)-1] != content {
		v.held = append(v.held, content)
	}
}

func (v *states) all() []string {
	v.Lock()
	defer v.Unlock()
	return slices.Clone(v.held)
}

// countEvents is how many events with a reason exist for the SecretSync db.
func (s *setup) countEvents(reason string) (count int) {
	s.Helper()
	var list eventsv1.EventList
	if err := s.env.Client.List(s.Context(), &list, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	for i := range list.Items {
		if list.Items[i].Regarding.Name == "db" && list.Items[i].Reason == reason {
			count++
		}
	}
	return count
}

// stale makes the operator's reads of AWS stale.
func (s *setup) stale(how ...localaws.Staleness) {
	s.Helper()
	if err := s.env.AWS.SetStaleness(how...); err != nil {
		s.Fatal(err)
	}
}

// awaitAsked waits until the operator has called an operation n times since the last ResetCalls.
func (s *setup) awaitAsked(operation string, often int) {
	s.Helper()
	s.await("the operator asks on", func() bool { return count(s.asked(), operation) >= often })
}

// TestReadsThatAnswerOldOrNewDoNotTakeTheSecretBack: for ten seconds after a rotation every read sees the state before
// it or after it. The Secret changes to the new version once, even if the operator is killed meanwhile.
func TestReadsThatAnswerOldOrNewDoNotTakeTheSecretBack(t *testing.T) {
	for name, meanwhile := range map[string]func(*setup){
		"an operator that goes on":          func(*setup) {},
		"one that is killed and comes back": func(s *setup) { s.stop((*testenv.Manager).Kill); s.startPlain() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			s.startPlain()
			id := s.secretID("db")
			_, first := s.create("db")
			s.sync("db", id, time.Second)
			s.awaitValue("db", first)
			s.stale(localaws.Staleness{Random: 10 * time.Second, Seed: 3})
			seen := s.watchValues("db")
			s.await("the watch has brought the first state", func() bool { return len(seen.all()) == 1 })
			second := s.put(id)
			s.env.AWS.ResetCalls()
			s.awaitValue("db", second)
			s.await("the update is reported", func() bool { return s.countEvents("SecretUpdated") == 1 })
			meanwhile(s)
			s.awaitAsked("DescribeSecret", 13) // By then ten seconds are over.
			third := s.put(id)
			s.awaitValue("db", third)
			s.await("the watch has brought the last state", func() bool { return slices.Contains(seen.all(), third) })
			if held := seen.all(); !slices.Equal(held, []string{first, second, third}) {
				t.Errorf("the Secret went through %d states, want three", len(held))
			}
			s.await("the second update is reported", func() bool { return s.countEvents("SecretUpdated") >= 2 })
			if got := s.countEvents("SecretUpdated"); got != 2 {
				t.Errorf("%d events of updates, want two", got)
			}
		})
	}
}

// TestAChangeEventIsFollowedUntilAWSHasCaughtUp: DescribeSecret is four seconds behind, so that the first read after
// the event shows nothing new.
func TestAChangeEventIsFollowedUntilAWSHasCaughtUp(t *testing.T) {
	for name, operation := range map[string]string{"versions are behind": "DescribeSecret", "values are behind": "GetSecretValue", "all is behind": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			s.start()
			id := s.secretID("db")
			_, first := s.create("db")
			s.awaitDrained()
			s.sync("db", id, alone)
			s.awaitValue("db", first)
			s.await("status has the version", func() bool { return len(s.get("db").Status.Sources) == 1 })
			s.stale(localaws.Staleness{Operation: operation, Lag: 4 * time.Second})
			second := s.put(id)
			began := time.Now()
			s.awaitValue("db", second)
			if took := time.Since(began); took < 3*time.Second || took > 60*time.Second {
				t.Errorf("the value was there after %s", took)
			}
			s.await("the update is reported", func() bool { return s.countEvents("SecretUpdated") == 1 })
			if got := s.countEvents("SyncFailed"); got > 0 {
				t.Errorf("%d events of failures", got)
			}
		})
	}
}

// TestARollbackIsFollowedAtOnce: a rollback advances the secret's date of change, whichever version the label moves to.
func TestARollbackIsFollowedAtOnce(t *testing.T) {
	s := newSetup(t)
	s.start()
	id := s.secretID("db")
	_, first := s.create("db")
	s.sync("back", id, alone)
	s.awaitValue("back", first)
	former := s.awaitVersion("back", "")
	s.awaitValue("back", s.put(id))
	latter := s.awaitVersion("back", former) // Status is written a moment after the Secret.
	s.awaitDrained()
	s.env.AWS.ResetCalls()
	if _, err := s.aws.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &id, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &former, RemoveFromVersionId: &latter}); err != nil {
		t.Fatal(err)
	}
	s.awaitValue("back", first)
	s.awaitVersion("back", latter)
	s.awaitDrained()
	if asked := count(s.asked(), "DescribeSecret"); asked > 2 {
		t.Errorf("DescribeSecret was called %d times, want once for each of the two events at most", asked)
	}
	if in := s.get("back").Status.Sources[0]; in.LastChangedTime == nil || in.VersionID != former {
		t.Errorf("status has version %s, changed at %v", in.VersionID, in.LastChangedTime)
	}
}

// TestStatusIsNotWrittenBecauseADateMoves: a tag changes the secret's date but no version.
func TestStatusIsNotWrittenBecauseADateMoves(t *testing.T) {
	s := newSetup(t)
	s.startPlain()
	id := s.secretID("db")
	_, content := s.create("db")
	s.sync("db", id, time.Second)
	s.awaitValue("db", content)
	s.awaitVersion("db", "")
	before := s.get("db")
	if _, err := s.aws.TagResource(t.Context(), tagged(id)); err != nil {
		t.Fatal(err)
	}
	s.env.AWS.ResetCalls()
	s.awaitAsked("DescribeSecret", 3)
	if after := s.get("db"); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("the SecretSync was written: %v", after.Status.Sources)
	}
}

func tagged(id string) *secretsmanager.TagResourceInput {
	return &secretsmanager.TagResourceInput{SecretId: &id, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("payments")}}}
}
