package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// from names the secret of an entry.
func from(id string) *v1alpha1.EntrySource { return &v1alpha1.EntrySource{SecretID: id} }

// TestSeveralSourcesInOneSecret: keys of other secrets, whole secrets, and precedence. A rotation of any of them is
// followed.
func TestSeveralSourcesInOneSecret(t *testing.T) {
	s := newSetup(t)
	user, password, stripe, flag, late := value(), value(), value(), value(), value()
	db, _ := s.createSecret("db", `{"username":"`+user+`","password":"`+password+`","flag":"of the database"}`)
	other, _ := s.createSecret("stripe", stripe)
	flags, _ := s.createSecret("flags", `{"flag":"`+flag+`","beta":"on"}`)
	missing := s.secretID("later")
	s.sync("several", v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: db}, PollInterval: fast,
		Data: []v1alpha1.DataKey{
			{Key: "STRIPE_KEY", Source: from(other)},
			{Key: "flag", Source: from(flags), Property: "flag"}, // Overrides dataFrom's key of that name.
			{Key: "LATER", Source: from(missing), Optional: true},
		},
		DataFrom: []v1alpha1.DataFrom{{}, {Source: from(flags), Prefix: "FLAG_", Include: []string{"b*"}}},
	})
	want := map[string]string{"username": user, "password": password, "flag": flag, "STRIPE_KEY": stripe, "FLAG_beta": "on"}
	s.awaitKeys("several", want)
	found := s.awaitReady("several")
	if sources := found.Status.Sources; len(sources) != 4 || sources[0].SecretID != db || sources[3].VersionID != "" {
		t.Errorf("the sources in status are %+v", sources)
	}
	stripe = value()
	version := s.putValue(other, stripe)
	want["STRIPE_KEY"] = stripe
	s.awaitKeys("several", want)
	s.awaitEvent("several", "SecretUpdated", other, version, "changed STRIPE_KEY")
	s.createSecret("later", late)
	want["LATER"] = late
	s.awaitKeys("several", want)
	// What was synced stays when it is deleted in AWS, optional or not, and no other key changes meanwhile.
	s.delete(missing, true)
	s.awaitReason("several", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	s.putValue(other, value())
	s.never("a half of it is published", func() bool { return string(s.secret("several").Data["STRIPE_KEY"]) != stripe })
	s.awaitKeys("several", want)
}

// TestWhatClashesIsRefused: two whole secrets give the same key, unless the later one is allowed to override it. When it
// no longer has the key, the key is that of the earlier one.
func TestWhatClashesIsRefused(t *testing.T) {
	s := newSetup(t)
	first, only, second := value(), value(), value()
	firstID, _ := s.createSecret("one", `{"key":"`+first+`","only":"`+only+`"}`)
	secondID, _ := s.createSecret("two", `{"key":"`+second+`"}`)
	s.sync("clash", v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Source: from(firstID)}, {Source: from(secondID)}}})
	found := s.awaitReason("clash", metav1.ConditionFalse, v1alpha1.ReasonInvalidValue)
	if message := found.Status.Conditions[0].Message; !strings.Contains(message, "dataFrom[0]") || !strings.Contains(message, "dataFrom[1]") || !strings.Contains(message, `"key"`) {
		t.Errorf("the message is %q", message)
	}
	if s.secret("clash") != nil {
		t.Error("a Secret was written")
	}
	s.edit("clash", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.PollInterval, secretSync.Spec.DataFrom[1].Overlap = fast, v1alpha1.OverlapOverride
	})
	s.awaitKeys("clash", map[string]string{"key": second, "only": only})
	first = value()
	s.putValue(firstID, `{"key":"`+first+`","only":"`+only+`","new":"`+first+`"}`)
	s.awaitKeys("clash", map[string]string{"key": second, "only": only, "new": first})
	s.putValue(secondID, `{"other":"`+second+`"}`)
	s.awaitKeys("clash", map[string]string{"key": first, "only": only, "new": first, "other": second})
	s.awaitReady("clash")
}

// TestFindFollowsSecretsThatComeAndGo: finds by prefix and tags, more precisely than ListSecrets filters. Deleting the
// last found secret removes no key.
func TestFindFollowsSecretsThatComeAndGo(t *testing.T) {
	s := newSetup(t)
	made := func(name, content string, tags ...string) string {
		id := s.secretID(name)
		input := &secretsmanager.CreateSecretInput{Name: &id, SecretString: &content}
		for i := 0; i < len(tags); i += 2 {
			input.Tags = append(input.Tags, types.Tag{Key: aws.String(tags[i]), Value: aws.String(tags[i+1])})
		}
		if _, err := s.aws.CreateSecret(t.Context(), input); err != nil {
			t.Fatal(err)
		}
		return id
	}
	a, b := value(), value()
	first := made("extra/first", a, "team", "payments")
	made("extra/other-team", value(), "team", "other", "owner", "payments")
	made("elsewhere", value(), "team", "payments")
	s.sync("found", v1alpha1.SecretSyncSpec{PollInterval: fast, DataFrom: []v1alpha1.DataFrom{{
		Find: &v1alpha1.Find{NamePrefix: s.secretID("extra/"), Tags: map[string]string{"team": "payments"}}, Prefix: "extra.",
	}}})
	s.awaitKeys("found", map[string]string{"extra.first": a})
	second := made("extra/sub/second", b, "team", "payments")
	s.awaitKeys("found", map[string]string{"extra.first": a, "extra.sub_second": b})
	b = value()
	s.putValue(second, b)
	s.awaitKeys("found", map[string]string{"extra.first": a, "extra.sub_second": b})
	s.delete(first, false)
	s.awaitKeys("found", map[string]string{"extra.sub_second": b})
	s.delete(second, false)
	s.awaitReason("found", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	s.awaitKeys("found", map[string]string{"extra.sub_second": b})
}
