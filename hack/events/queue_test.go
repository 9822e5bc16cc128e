package events

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// rarely is so long that nothing is polled twice within a test; alone turns polls off.
const (
	rarely = 24 * time.Hour
	alone  = time.Duration(0)
)

func TestAChangeIsHereOnceItsEventIs(t *testing.T) {
	s := newSetup(t)
	s.start()
	arn, content := s.create("db")
	s.awaitDrained() // The event of the creation matches no SecretSync, and must not trigger a call later.
	s.sync("by-name", s.secretID("db"), rarely)
	s.sync("by-arn", arn, alone)
	s.sync("by-partial-arn", arn[:len(arn)-7], alone)
	all := []string{"by-name", "by-arn", "by-partial-arn"}
	for _, name := range all {
		s.awaitValue(name, content)
	}
	for _, id := range []string{s.secretID("db"), arn, arn[:len(arn)-7]} {
		s.awaitDrained()
		s.env.AWS.ResetCalls()
		content = s.put(id)
		for _, name := range all {
			s.awaitValue(name, content)
		}
		if described := count(s.asked(), "DescribeSecret"); described > len(all) {
			t.Errorf("DescribeSecret was called %d times for %d ids of one secret", described, len(all))
		}
	}
	s.awaitDrained() // An event is counted after it was delivered.
	if got := s.counted("notified"); got < 3 {
		t.Errorf("%v events were counted", got)
	}
	if age, _ := s.metric("secretsync_change_event_age_seconds_count"); age < 3 {
		t.Errorf("the age of %v events was noted", age)
	}
	s.awaitQueueUp(1)
}

func count(names []string, wanted string) int {
	return len(names) - len(slices.DeleteFunc(slices.Clone(names), func(other string) bool { return other == wanted }))
}

// awaitVersion waits until status has another version than former, and gives it.
func (s *setup) awaitVersion(name, former string) (version string) {
	s.Helper()
	s.await("status of "+name+" tells of another version", func() bool {
		if sources := s.get(name).Status.Sources; len(sources) > 0 {
			version = sources[0].VersionID
		}
		return version != "" && version != former
	})
	return version
}

func TestARollbackADeletionAndARestoreAreFollowed(t *testing.T) {
	s := newSetup(t)
	s.start()
	id := s.secretID("db")
	_, first := s.create("db")
	s.sync("db", id, alone)
	s.awaitValue("db", first)
	former := s.awaitVersion("db", "")
	s.awaitValue("db", s.put(id))
	latter := s.awaitVersion("db", former) // Status is written a moment after the Secret.
	if _, err := s.aws.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &id, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &former, RemoveFromVersionId: &latter}); err != nil {
		t.Fatal(err)
	}
	s.awaitValue("db", first)
	if _, err := s.aws.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id, RecoveryWindowInDays: aws.Int64(7)}); err != nil {
		t.Fatal(err)
	}
	s.await("the deletion is reported", func() bool {
		ready := meta.FindStatusCondition(s.get("db").Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == v1alpha1.ReasonSecretPendingDeletion
	})
	if _, err := s.aws.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: &id}); err != nil {
		t.Fatal(err)
	}
	s.awaitValue("db", first)
}

func TestLostEventsCostTimeAndNothingElse(t *testing.T) {
	s := newSetup(t)
	if err := s.env.AWS.SetDelivery(localaws.Delivery{Lost: 1}); err != nil {
		t.Fatal(err)
	}
	s.start()
	_, content := s.create("db")
	s.sync("db", s.secretID("db"), time.Second)
	s.awaitValue("db", content)
	s.awaitValue("db", s.put(s.secretID("db")))
	if got := s.counted("notified"); got != 0 {
		t.Errorf("%v events came: the test proves nothing", got)
	}
}

func TestDuplicatesAndDisorderDoNoHarm(t *testing.T) {
	s := newSetup(t)
	if err := s.env.AWS.SetDelivery(localaws.Delivery{Duplicated: 1, Reordered: 0.5, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	s.start()
	_, content := s.create("db")
	s.sync("db", s.secretID("db"), alone)
	s.awaitValue("db", content)
	for range 10 {
		content = s.put(s.secretID("db"))
	}
	s.awaitValue("db", content)
	if err := s.env.AWS.AwaitDelivery(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.awaitDrained()
	s.awaitValue("db", content)
	if got := s.counted("notified"); got < 20 {
		t.Errorf("%v events came of ten changes, want two of each", got)
	}
}

func TestWhatCannotBeReadGoesToTheDeadLetterQueue(t *testing.T) {
	s := newSetup(t)
	s.start()
	_, content := s.create("db")
	s.sync("db", s.secretID("db"), alone)
	s.awaitValue("db", content)
	for _, body := range []string{"no JSON", `{"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": {}}`} {
		if err := s.env.AWS.SendMessage(s.queue, body); err != nil {
			t.Fatal(err)
		}
	}
	s.awaitValue("db", s.put(s.secretID("db")))
	s.await("one message is dead", func() bool { return len(s.env.AWS.Messages(s.dead)) == 1 })
	if got := s.env.AWS.Messages(s.dead)[0]; got != "no JSON" {
		t.Error("another message is dead than the one that can't be read")
	}
	s.awaitDrained()
	if malformed, ignored := s.counted("malformed"), s.counted("ignored"); malformed != 3 || ignored != 1 {
		t.Errorf("%v messages were malformed, %v ignored", malformed, ignored)
	}
}

func TestAQueueThatIsGoneLeavesPolling(t *testing.T) {
	s := newSetup(t)
	s.start()
	_, content := s.create("db")
	s.sync("polled", s.secretID("db"), time.Second)
	s.sync("told", s.secretID("db"), alone)
	s.awaitValue("polled", content)
	s.awaitValue("told", content)
	s.awaitQueueUp(1)
	queues := sqs.New(sqs.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(s.env.AWS.URL()), Credentials: credentials.NewStaticCredentialsProvider(tester, "not-checked", "")})
	if _, err := queues.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: aws.String(s.queueURL())}); err != nil {
		t.Fatal(err)
	}
	s.awaitQueueUp(0)
	s.awaitValue("polled", s.put(s.secretID("db")))
	answer, err := http.Get("http://" + s.manager.Health + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("readiness is answered %d", answer.StatusCode)
	}
	logged := func() int {
		said, err := s.manager.Log()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(said), "the queue of change events does not answer")
	}
	s.await("the log says that the queue is gone", func() bool { return logged() > 0 }) // The log is written after the metric changes.
	if times := logged(); times != 1 {
		t.Errorf("the log says %d times that the queue is gone", times)
	}
	s.addQueue()
	s.awaitQueueUp(1)
	s.awaitValue("told", s.put(s.secretID("db")))
}

func TestUnmatchedEventsCauseNoCalls(t *testing.T) {
	s := newSetup(t)
	s.start()
	_, content := s.create("db")
	s.create("unmatched")
	s.awaitDrained() // The events of the creations match no SecretSync, and must not trigger a call later.
	s.sync("db", s.secretID("db"), alone)
	s.awaitValue("db", content)
	s.awaitDrained()
	before := s.counted("unmatched")
	s.env.AWS.ResetCalls()
	for range 25 {
		s.put(s.secretID("unmatched"))
	}
	s.await("the events are counted", func() bool { return s.counted("unmatched") == before+25 })
	s.awaitDrained()
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("events about a secret that no SecretSync follows made the operator call %v", asked)
	}
}

func TestWhatHappensWhileTheOperatorIsAwayWaits(t *testing.T) {
	for name, how := range map[string]func(*testenv.Manager) error{"stopped": (*testenv.Manager).Stop, "killed": (*testenv.Manager).Kill} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.start()
			_, content := s.create("db")
			s.sync("db", s.secretID("db"), rarely)
			s.awaitValue("db", content)
			s.stop(how)
			s.env.AWS.ResetCalls()
			content = s.put(s.secretID("db"))
			s.start()
			s.awaitValue("db", content)
			s.awaitDrained()
			if s.counted("notified") == 0 {
				t.Error("the event was not the cause")
			}
			if read := s.env.AWS.ValuesRead(s.secretID("db")); read != 1 {
				t.Errorf("the value was read %d times", read)
			}
		})
	}
}

// TestAnEventThatIsLostAtAStopIsMadeUpForByAPoll: after a start, a SecretSync that relies on events is polled once within
// the operator's own poll interval, however long its own is.
func TestAnEventThatIsLostAtAStopIsMadeUpForByAPoll(t *testing.T) {
	for name, interval := range map[string]time.Duration{"polled rarely": rarely, "not polled": alone} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.start()
			_, content := s.create("db")
			s.sync("db", s.secretID("db"), interval)
			s.awaitValue("db", content)
			s.awaitDrained()
			s.stop((*testenv.Manager).Stop)
			if err := s.env.AWS.SetDelivery(localaws.Delivery{Lost: 1}); err != nil {
				t.Fatal(err)
			}
			content = s.put(s.secretID("db"))
			s.start("--poll-interval=1s")
			s.awaitValue("db", content)
			if got := s.counted("notified"); got != 0 {
				t.Errorf("%v events came: the test proves nothing", got)
			}
		})
	}
}
