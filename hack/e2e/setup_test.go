package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// setup is a namespace for one test, with the clients that it needs.
type setup struct {
	*testing.T
	env       *testenv.Environment
	namespace string
	aws       *secretsmanager.Client
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	return &setup{T: t, env: shared, namespace: testsuite.Namespace(t, shared.Client, "e2e-"), aws: awsClient(shared.AWS.URL(), "tester")}
}

// awsClient is a client of Secrets Manager, which may do anything unless accessKeyID is that of an identity.
func awsClient(url, accessKeyID string) *secretsmanager.Client {
	return awsClientIn(localaws.DefaultRegion, url, accessKeyID)
}

func awsClientIn(region, url, accessKeyID string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "not-checked", ""),
	})
}

// used are the values that tests put into secrets. After the last test, all outputs are searched for them.
var used struct {
	sync.Mutex
	values []string
}

// value makes a random value, which is searched for after the last test.
func value() string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // Never fails (package crypto/rand).
	made := "hunted-" + hex.EncodeToString(random)
	used.Lock()
	defer used.Unlock()
	used.values = append(used.values, made)
	return made
}

// secretID is a name in Secrets Manager that no other test uses.
func (s *setup) secretID(name string) string { return "/" + s.namespace + "/" + name }

func (s *setup) createSecret(name, content string) (id, version string) {
	s.Helper()
	id = s.secretID(name)
	made, err := s.aws.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &content})
	if err != nil {
		s.Fatal(err)
	}
	return id, *made.VersionId
}

func (s *setup) putValue(id, content string, stages ...string) (version string) {
	s.Helper()
	put, err := s.aws.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &content, VersionStages: stages})
	if err != nil {
		s.Fatal(err)
	}
	return *put.VersionId
}

// fast is a poll interval that ends soon.
var fast = &metav1.Duration{Duration: time.Second}

func (s *setup) sync(name string, spec v1alpha1.SecretSyncSpec) {
	s.Helper()
	made := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: spec}
	if err := s.env.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

func (s *setup) get(name string) *v1alpha1.SecretSync {
	s.Helper()
	found := &v1alpha1.SecretSync{}
	if err := s.env.Client.Get(s.Context(), s.key(name), found); err != nil {
		s.Fatal(err)
	}
	return found
}

func (s *setup) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.namespace, Name: name}
}

// edit changes a SecretSync as "kubectl edit" does.
func (s *setup) edit(name string, change func(*v1alpha1.SecretSync)) {
	s.Helper()
	found := s.get(name)
	before := found.DeepCopy()
	change(found)
	if err := s.env.Client.Patch(s.Context(), found, client.MergeFrom(before)); err != nil {
		s.Fatal(err)
	}
}

// secret reads a Secret; nil if it does not exist.
func (s *setup) secret(name string) *corev1.Secret {
	s.Helper()
	found := &corev1.Secret{}
	if err := s.env.Client.Get(s.Context(), s.key(name), found); client.IgnoreNotFound(err) != nil {
		s.Fatal(err)
	} else if err != nil {
		return nil
	}
	return found
}

// end ends the manager of all namespaces by one of its methods: Stop, Kill or Quit.
func (s *setup) end(how func(*testenv.Manager) error) {
	s.Helper()
	if err := end(s.Context(), running, how); err != nil {
		s.Fatal(err)
	}
}

// start starts a manager of all namespaces after the last one has ended.
func (s *setup) start(name string) {
	s.Helper()
	var err error
	if running, err = s.env.StartManager(name); err != nil {
		s.Fatal(err)
	}
}

// await waits until a condition holds, and otherwise fails with what it waited for.
func (s *setup) await(what string, holds func() bool) {
	s.Helper()
	testsuite.Await(s, what, holds, s.picture)
}

// picture shows the state of the namespace, without values, for the message of a failed test.
func (s *setup) picture() string {
	var syncs v1alpha1.SecretSyncList
	if err := s.env.Client.List(context.Background(), &syncs, client.InNamespace(s.namespace)); err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, secretSync := range syncs.Items {
		text.WriteString(secretSync.Name + ": " + cmp.Diff(v1alpha1.SecretSyncStatus{}, secretSync.Status) + "\n")
	}
	return text.String()
}

// awaitReason waits until Ready has a status and a reason at the present generation.
func (s *setup) awaitReason(name string, status metav1.ConditionStatus, reason string) *v1alpha1.SecretSync {
	s.Helper()
	var found *v1alpha1.SecretSync
	s.await(name+" has Ready="+string(status)+" for "+reason, func() bool {
		found = s.get(name)
		ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Status == status && ready.Reason == reason && ready.ObservedGeneration == found.Generation
	})
	s.checkStatus(found)
	return found
}

func (s *setup) awaitReady(name string) *v1alpha1.SecretSync {
	s.Helper()
	return s.awaitReason(name, metav1.ConditionTrue, v1alpha1.ReasonSynced)
}

// awaitKeys waits until a Secret has exactly these keys and values.
func (s *setup) awaitKeys(name string, want map[string]string) *corev1.Secret {
	s.Helper()
	var found *corev1.Secret
	s.await("Secret "+name+" has the keys and values wanted", func() bool {
		found = s.secret(name)
		return found != nil && cmp.Equal(want, text(found.Data))
	})
	return found
}

func text(data map[string][]byte) map[string]string {
	all := map[string]string{}
	for key, value := range data {
		all[key] = string(value)
	}
	return all
}

// checkStatus checks a status by the rules that tools rely on.
func (s *setup) checkStatus(found *v1alpha1.SecretSync) {
	s.Helper()
	conditions := found.Status.Conditions
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	stalled := meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled)
	reconciling := meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReconciling)
	switch {
	case ready == nil:
		s.Error("status has no Ready")
	case ready.Status == metav1.ConditionTrue && stalled:
		s.Error("Ready and Stalled are both true")
	case stalled && reconciling:
		s.Error("Stalled and Reconciling are both true")
	case found.Status.ObservedGeneration > found.Generation:
		s.Error("observedGeneration is ahead of the generation")
	}
}

// awaitEvent waits for an event about an object whose note mentions all the texts.
func (s *setup) awaitEvent(name, reason string, mentions ...string) {
	s.Helper()
	var notes []string
	s.await("event "+reason+" about "+name+" that mentions "+strings.Join(mentions, ", "), func() bool {
		notes = s.events(name, reason)
		for _, note := range notes {
			if containsAll(note, mentions) {
				return true
			}
		}
		return false
	})
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// events are the notes of an object's events with a reason.
func (s *setup) events(name, reason string) (notes []string) {
	s.Helper()
	for _, event := range s.recorded(name, reason) {
		notes = append(notes, event.Note)
	}
	return notes
}

// recorded are an object's events with a reason.
func (s *setup) recorded(name, reason string) (found []eventsv1.Event) {
	s.Helper()
	var list eventsv1.EventList
	if err := s.env.Client.List(s.Context(), &list, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	for _, event := range list.Items {
		if event.Regarding.Name == name && event.Reason == reason {
			found = append(found, event)
		}
	}
	return found
}
