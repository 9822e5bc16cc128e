package tenancy

import (
	"crypto/rand"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

const accessKey = "AKIAOPERATOR"

// user creates an IAM user with an access key for the operator; it may do nothing if no policies are given.
func (s *setup) user(secretAccessKey string, policies ...string) {
	s.Helper()
	_, err := s.env.AWS.AddUser(localaws.User{Name: "secretsync", AccessKeyID: accessKey, SecretAccessKey: secretAccessKey, Policies: policies})
	if err != nil {
		s.Fatal(err)
	}
}

// keys are the environment variables of static keys.
func keys(secretAccessKey string) []string {
	return []string{noInstance, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretAccessKey}
}

// TestStaticKeys: the condition says what is wrong with a key, and fixing that is enough.
func TestStaticKeys(t *testing.T) {
	const unavailable = v1alpha1.ReasonCredentialsUnavailable
	for name, test := range map[string]struct {
		// spoil changes the user in AWS so that the operator's key fails; nil leaves a key that works.
		spoil func(s *setup)
		// reason and mentions are those of the condition; an empty reason means that the Secret is synced.
		reason   string
		mentions []string
	}{
		"the right key": {},
		"a wrong secret access key": {
			spoil:  func(s *setup) { s.user("another", s.reading()) },
			reason: unavailable, mentions: []string{"the operator", "InvalidSignatureException", "check the secret access key"},
		},
		"an access key that does not exist": {
			spoil:  func(s *setup) { s.env.AWS.DeleteAccessKey(accessKey) },
			reason: unavailable, mentions: []string{"the operator", "UnrecognizedClientException", "check that the access key exists, is active"},
		},
		"a user without a policy": {
			spoil:  func(s *setup) { s.user(s.hidden[0]) },
			reason: v1alpha1.ReasonAccessDenied, mentions: []string{
				"arn:aws:iam::" + account + ":user/secretsync", "secretsmanager:GetSecretValue", ":secret:/", "add a statement to a policy of this principal"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, 0)
			secretAccessKey := s.hide(rand.Text())
			s.user(secretAccessKey, s.reading())
			if test.spoil != nil {
				test.spoil(s)
			}
			id, content := s.createSecret()
			s.start(keys(secretAccessKey))
			s.sync(id)
			if test.reason != "" {
				s.awaitRefusal(test.reason, test.mentions...)
				s.user(secretAccessKey, s.reading())
			}
			s.awaitSynced(content)
			if by := s.calls("GetSecretValue"); by[len(by)-1].Principal != "arn:aws:iam::"+account+":user/secretsync" {
				t.Errorf("the value was read by %s", by[len(by)-1].Principal)
			}
		})
	}
}

// TestAKeyIsDeletedWhileItIsUsed: the Secret stays, the condition says why, and restoring the key fixes it.
func TestAKeyIsDeletedWhileItIsUsed(t *testing.T) {
	s := newSetup(t, 0)
	secretAccessKey := s.hide(rand.Text())
	s.user(secretAccessKey, s.reading())
	id, content := s.createSecret()
	s.start(keys(secretAccessKey))
	s.sync(id)
	s.awaitSynced(content)
	s.env.AWS.DeleteAccessKey(accessKey)
	next := s.putValue(id)
	s.awaitRefusal(v1alpha1.ReasonCredentialsUnavailable, "UnrecognizedClientException", "check that the access key exists")
	if held := s.values(); held["value"] != content {
		t.Error("the Secret lost what it had")
	}
	s.user(secretAccessKey, s.reading())
	s.awaitSynced(next)
}

// TestNoCredentials: an operator without credentials lists the ways to give it some.
func TestNoCredentials(t *testing.T) {
	s := newSetup(t, 0)
	s.user("another", s.reading())
	id, _ := s.createSecret()
	s.start([]string{noInstance})
	s.sync(id)
	s.awaitRefusal(v1alpha1.ReasonCredentialsUnavailable, "the operator has no AWS credentials", "eks.amazonaws.com/role-arn", "Pod Identity", "static keys")
}
