package story

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/moto"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

const (
	textID, databaseID, binaryID, eventID = "/story/text", "/story/db", "/story/binary", "/story/events"
	foundPrefix                           = "/story/found/"

	// kindsLeast is how many kinds of SecretSyncs the story must have at least.
	kindsLeast = 17
)

func TestAgainstTheLocalAWS(t *testing.T) {
	tell(t, testsuite.WithOwnAWS(t, shared, &localaws.Server{}).AWS.URL())
}

func TestAgainstMoto(t *testing.T) {
	server, err := moto.Start(t.Context())
	if errors.Is(err, moto.ErrNotInstalled) {
		t.Skip("SKIPPED, the operator is not run against moto here:", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Log("moto", server.Version)
	tell(t, server.URL)
}

// expected is what AWS should hold.
type expected struct {
	text, binary string
	// current, previous and live are the passwords of the database under these labels; empty means no such version.
	current, previous, live, first string
	// found are the values of the secrets to find, by the last part of their names; tagged are those with the tag.
	found, tagged map[string]string
	// refused are the reasons of SecretSyncs that are not in sync, by name.
	refused map[string]string
}

func login(password string) string {
	return fmt.Sprintf(`{"username":"app","password":%q}`, password)
}

// wants gives what the Secret of each kind must hold; nil means no Secret.
func (expect *expected) wants() map[string]map[string]string {
	password := func(of string) map[string]string {
		if of == "" {
			return nil
		}
		return map[string]string{"password": of}
	}
	both := map[string]string{"username": "app", "password": expect.current}
	grace := password(expect.current)
	if expect.previous != "" {
		grace["password_previous"] = expect.previous
	}
	return map[string]map[string]string{
		"text": {"value": expect.text}, "retained": {"value": expect.text}, "immutable": {"value": expect.text},
		"binary": {"keystore.jks": expect.binary},
		"object": both, "by-arn": both, "by-partial-arn": both,
		"properties": {"DB_USER": "app", "DB_PASSWORD": expect.current},
		"jmespath":   {"login": "app:" + expect.current},
		"from":       {"DB_username": "app", "DB_password": expect.current},
		"several":    {"text": expect.text, "password": expect.current},
		"template":   {"url": "postgres://app:" + expect.current + "@db"},
		"previous":   password(expect.previous), "label": password(expect.live), "pinned": password(expect.first), "grace": grace,
		"found": expect.found, "tagged": expect.tagged,
		"of-the-user": {"level": "info", "password": expect.current},
	}
}

// awaitAll waits until every Secret holds what AWS holds, and every SecretSync has the right reason.
func (s *setup) awaitAll(after string, expect *expected) {
	s.Helper()
	for name, want := range expect.wants() {
		s.await(after+": Secret "+name+" holds what it must", func() bool { return cmp.Equal(want, s.secret(name)) })
	}
	for _, name := range s.kinds {
		want := v1alpha1.ReasonSynced
		if refused := expect.refused[name]; refused != "" {
			want = refused
		}
		s.await(after+": "+name+" is Ready or not for "+want, func() bool { return s.reason(name) == want })
	}
}

// tell runs the story against the AWS at a URL.
func tell(t *testing.T, url string) {
	s := newSetup(t, url)
	expect := &expected{}
	versions := s.begin(expect)
	s.rotateAndRollBack(expect, versions)
	s.deleteAndRestore(expect)
	s.find(expect)
	s.event()
	s.end(expect)
}

// begin creates the secrets and their SecretSyncs.
func (s *setup) begin(expect *expected) (first string) {
	s.Helper()
	expect.text, expect.binary, expect.current = s.value(), "\x00\x01\xff"+s.value(), s.value()
	expect.first = expect.current
	s.create(textID, expect.text)
	s.create(binaryID, expect.binary)
	arn, first := s.create(databaseID, login(expect.current))
	expect.found = map[string]string{"one": s.value(), "two": s.value()}
	expect.tagged = map[string]string{"two": expect.found["two"]}
	s.create(foundPrefix+"one", expect.found["one"])
	s.create(foundPrefix+"two", expect.found["two"], types.Tag{Key: aws.String("team"), Value: aws.String("shop")})
	s.must(s.client().Create(s.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "of-the-user", Annotations: map[string]string{v1alpha1.AnnotationMergeFrom: "merged"}},
		StringData: map[string]string{"level": "info"},
	}))
	s.apply("testdata/secretsyncs.yaml", "<arn>", arn, "<partial>", arn[:len(arn)-7], "<version>", first)
	if len(s.kinds) < kindsLeast {
		s.Fatalf("%d kinds of SecretSyncs, want %d", len(s.kinds), kindsLeast)
	}
	expect.refused = map[string]string{"previous": v1alpha1.ReasonVersionNotFound, "label": v1alpha1.ReasonVersionNotFound}
	s.awaitAll("created", expect)
	return first
}

// rotateAndRollBack moves labels by rotations and rollbacks.
//
// After UpdateSecretVersionStage has moved AWSCURRENT, moto handles a put under AWSCURRENT as if AWSCURRENT were on the
// version that was put last, and leaves it on two versions. So the value after the rollback is written as a rotation
// function does it: it is put under AWSPENDING, and AWSCURRENT moves there.
func (s *setup) rotateAndRollBack(expect *expected, first string) {
	s.Helper()
	expect.current, expect.previous = s.value(), expect.current
	second := s.put(databaseID, login(expect.current))
	s.move("live", first, "")
	expect.live, expect.refused = expect.previous, nil
	expect.text = s.value()
	s.put(textID, expect.text)
	s.awaitAll("rotated", expect)

	s.move("AWSCURRENT", first, second)
	expect.current, expect.previous = expect.previous, expect.current
	s.move("live", second, first)
	expect.live = expect.previous
	s.awaitAll("rolled back", expect)

	expect.current, expect.previous = s.value(), expect.current
	third := s.put(databaseID, login(expect.current), "AWSPENDING")
	s.move("AWSCURRENT", third, first)
	s.awaitAll("rotated by a function", expect)
}

// deleteAndRestore deletes a secret and restores it, then deletes it for good and creates another one of its name.
// Nothing is put while it is deleted, which moto would allow.
func (s *setup) deleteAndRestore(expect *expected) {
	s.Helper()
	of := []string{"text", "retained", "immutable", "several"}
	refuse := func(reason string) {
		expect.refused = map[string]string{}
		for _, name := range of {
			expect.refused[name] = reason
		}
	}
	s.delete(textID, false)
	refuse(v1alpha1.ReasonSecretPendingDeletion)
	s.awaitAll("deleted", expect)
	_, err := s.aws.RestoreSecret(s.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String(textID)})
	s.must(err)
	expect.refused = nil
	s.awaitAll("restored", expect)
	s.delete(textID, true)
	refuse(v1alpha1.ReasonSecretNotFound)
	s.awaitAll("deleted for good", expect)
	expect.text, expect.refused = s.value(), nil
	s.create(textID, expect.text)
	s.awaitAll("recreated", expect)
}

// find adds, tags and deletes secrets that SecretSyncs find.
func (s *setup) find(expect *expected) {
	s.Helper()
	expect.found["three"] = s.value()
	s.create(foundPrefix+"three", expect.found["three"])
	expect.tagged["one"] = expect.found["one"]
	_, err := s.aws.TagResource(s.Context(), &secretsmanager.TagResourceInput{
		SecretId: aws.String(foundPrefix + "one"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}}})
	s.must(err)
	s.awaitAll("more is found", expect)
	s.delete(foundPrefix+"two", false)
	delete(expect.found, "two")
	delete(expect.tagged, "two")
	s.awaitAll("less is found", expect)
}

// event checks that the operator finds a change by its event alone. moto makes no events of Secrets Manager, so the
// test sends to both what an EventBridge rule would send.
func (s *setup) event() {
	s.Helper()
	before, after := s.value(), s.value()
	arn, _ := s.create(eventID, before)
	s.must(s.client().Create(s.Context(), &v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "events"},
		Spec:       v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: eventID}, PollInterval: &metav1.Duration{}},
	}))
	s.await("Secret events holds the first value", func() bool { return cmp.Equal(s.secret("events"), map[string]string{"value": before}) })
	version := s.put(eventID, after)
	now := time.Now().UTC().Format(time.RFC3339)
	body, err := json.Marshal(map[string]any{
		"version": "0", "id": "8f1c5e0e-0000-4000-8000-000000000001", "detail-type": localaws.ByAPICall, "source": "aws.secretsmanager",
		"account": strings.Split(arn, ":")[4], "time": now, "region": localaws.DefaultRegion, "resources": []string{},
		"detail": map[string]any{
			"eventVersion": "1.11", "eventTime": now, "eventSource": "secretsmanager.amazonaws.com", "eventName": "PutSecretValue",
			"awsRegion": localaws.DefaultRegion, "requestParameters": map[string]any{"secretId": eventID},
			"responseElements": map[string]any{"arn": arn, "name": eventID, "versionId": version},
		},
	})
	s.must(err)
	_, err = s.sqs.SendMessage(s.Context(), &sqs.SendMessageInput{QueueUrl: &s.queue, MessageBody: aws.String(string(body))})
	s.must(err)
	s.await("Secret events holds the second value", func() bool { return cmp.Equal(s.secret("events"), map[string]string{"value": after}) })
	s.await("the message is deleted", func() bool {
		queue, err := s.sqs.GetQueueAttributes(s.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &s.queue, AttributeNames: []sqstypes.QueueAttributeName{
			sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible}})
		s.must(err)
		return queue.Attributes["ApproximateNumberOfMessages"] == "0" && queue.Attributes["ApproximateNumberOfMessagesNotVisible"] == "0"
	})
}

// end deletes the SecretSyncs. Their Secrets are deleted too, but not the retained one nor the keys of the user.
func (s *setup) end(expect *expected) {
	s.Helper()
	s.must(s.client().DeleteAllOf(s.Context(), &v1alpha1.SecretSync{}, client.InNamespace(s.namespace)))
	for name := range expect.wants() {
		want := map[string]map[string]string{"retained": {"value": expect.text}, "of-the-user": {"level": "info"}}[name]
		s.await("in the end Secret "+name+" is gone, or as it was", func() bool {
			return cmp.Equal(want, s.secret(name)) || want == nil && s.left(name)
		})
	}
	var left v1alpha1.SecretSyncList
	s.await("in the end no SecretSync is left", func() bool {
		s.must(s.client().List(s.Context(), &left, client.InNamespace(s.namespace)))
		return len(left.Items) == 0
	})
}

// left says whether a Secret is gone, or has an owner, so that the garbage collector deletes it within half a minute.
func (s *setup) left(name string) bool {
	s.Helper()
	found := &corev1.Secret{}
	err := s.client().Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, found)
	s.must(client.IgnoreNotFound(err))
	return err != nil || len(found.OwnerReferences) == 1
}
