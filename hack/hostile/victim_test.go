package hostile

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// The victim's SecretSyncs: one follows change events alone, the other polls.
const (
	byEvent, byPoll = "event", "poll"
	pollEvery       = 2 * time.Second
)

// victim is a namespace whose rotations are measured.
type victim struct {
	namespace string
	arrivals  *arrivals
}

// latency is how long rotations take to reach the victim's Secret: the median of rotations that an event announces, and
// one that a poll finds.
type latency struct{ event, poll time.Duration }

func newVictim(t *testing.T, s *setup) *victim {
	t.Helper()
	v := &victim{namespace: testsuite.Namespace(t, shared.Client, "victim-")}
	v.arrivals = watchSecrets(t, v.namespace)
	for name, interval := range map[string]time.Duration{byEvent: 0, byPoll: pollEvery} {
		id, content := v.secretID(name), rand.Text()
		if _, err := s.aws.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &content}); err != nil {
			t.Fatal(err)
		}
		create(t, &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: v.namespace, Name: name}, Spec: v1alpha1.SecretSyncSpec{
			Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: &metav1.Duration{Duration: interval}}})
		if _, came := v.arrivals.await(content); !came {
			t.Fatalf("the victim's first sync did not happen: %s", s.manager.Tail())
		}
	}
	return v
}

func (v *victim) secretID(name string) string { return "/" + v.namespace + "/" + name }

// rotations is how many rotations events announce in each row.
const rotations = 5

// measure rotates the victim's secrets, and gives how long that took. Before each announced rotation it calls again,
// the attacker's part. A rotation that does not arrive counts as patience, and ends the measurement.
func (s *setup) measure(t *testing.T, again func(round int)) (took latency, rounds int) {
	t.Helper()
	content, began := rand.Text(), time.Now()
	s.put(t, s.victim.secretID(byPoll), content)
	all := s.rotateTimes(t, again)
	took = latency{event: median(all), poll: patience}
	if at, came := s.victim.arrivals.await(content); came {
		took.poll = at.Sub(began)
	}
	return took, len(all)
}

// rotateTimes gives how long each rotation took. If one does not arrive, it alone is returned.
func (s *setup) rotateTimes(t *testing.T, again func(round int)) (all []time.Duration) {
	t.Helper()
	for round := range rotations {
		again(round)
		took := s.rotate(t)
		all = append(all, took)
		if took >= patience {
			return []time.Duration{took}
		}
	}
	return all
}

func median(all []time.Duration) time.Duration { return slices.Sorted(slices.Values(all))[len(all)/2] }

// rotate gives the victim's secret a new version, announces it, and gives how long the Secret took to hold it.
func (s *setup) rotate(t *testing.T) time.Duration {
	t.Helper()
	id, content := s.victim.secretID(byEvent), rand.Text()
	version := s.put(t, id, content)
	began := time.Now()
	if !s.announce(t, labelUpdated(id, version)) {
		return patience
	}
	at, came := s.victim.arrivals.await(content)
	if !came {
		return patience
	}
	return at.Sub(began)
}

// eventOf is an event as EventBridge writes it.
func eventOf(detailType string, resources []string, detail any) []byte {
	body, err := json.Marshal(localaws.Event{
		Version: "0", ID: rand.Text(), DetailType: detailType, Source: "aws.secretsmanager", Account: localaws.DefaultAccount,
		Time: time.Now().UTC().Format(time.RFC3339), Region: localaws.DefaultRegion, Resources: resources, Detail: detail,
	})
	if err != nil {
		panic(err) // A struct of texts always encodes.
	}
	return body
}

// arrivals records when values arrived in the Secrets of a namespace.
type arrivals struct {
	mutex sync.Mutex
	at    map[string]time.Time
}

func watchSecrets(t *testing.T, namespace string) *arrivals {
	t.Helper()
	watching, err := client.NewWithWatch(shared.Plane.Config(), client.Options{Scheme: shared.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	watch, err := watching.Watch(t.Context(), &corev1.SecretList{}, client.InNamespace(namespace))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watch.Stop)
	a := &arrivals{at: map[string]time.Time{}}
	go func() {
		for event := range watch.ResultChan() {
			if secret, is := event.Object.(*corev1.Secret); is {
				a.see(string(secret.Data["value"]), time.Now())
			}
		}
	}()
	return a
}

func (a *arrivals) see(content string, at time.Time) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if _, known := a.at[content]; !known {
		a.at[content] = at
	}
}

// await waits until a value has arrived, and gives when; came is false if it has not within patience.
func (a *arrivals) await(content string) (at time.Time, came bool) {
	for end := time.Now().Add(patience); !came && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		a.mutex.Lock()
		at, came = a.at[content]
		a.mutex.Unlock()
	}
	return at, came
}
