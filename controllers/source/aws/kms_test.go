package aws

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// lockedEnvironment has a secret whose key the reader may not use.
func lockedEnvironment(t *testing.T) *environment {
	t.Helper()
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
	env.DenyKey(kmsKey, testReader)
	env.ResetCalls()
	return env
}

// That DescribeSecret is denied is remembered for longer than its refusal is: the key's name is not asked for again.
func TestTheNameOfAKeyIsNotAskedForWhereItIsDenied(t *testing.T) {
	env := lockedEnvironment(t)
	env.deny("DescribeSecret")
	for range 3 {
		_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
		mustMention(t, err, source.KMSAccessDenied, "allow secretsmanager:DescribeSecret to see its name")
		env.now = env.now.Add(refusedLasts + time.Second)
	}
	if diff := cmp.Diff([]string{"DescribeSecret", "GetSecretValue", "GetSecretValue", "GetSecretValue"}, env.operations()); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
}

// A key is named only where DescribeSecret answers, and the cause to log is the denial's in each case.
func TestAKeyWithoutANameIsNotTakenForAWSsOwn(t *testing.T) {
	for _, denied := range []bool{false, true} {
		env := lockedEnvironment(t)
		mention := "kms:Decrypt on KMS key " + kmsKey
		if denied {
			env.deny("DescribeSecret")
			mention = "allow secretsmanager:DescribeSecret to see its name"
		}
		_, err := env.source.Fetch(t.Context(), current("db"), source.Version{})
		mustMention(t, err, source.KMSAccessDenied, mention)
		if refused, ok := errors.AsType[*source.Error](err); !ok || refused.Cause == nil {
			t.Errorf("there is no cause to log: %v", err)
		}
	}
}

// A denial names the reader that signed the call, and the role that lacks the permission where it is known.
func TestADenialByKMSNamesTheReader(t *testing.T) {
	env := lockedEnvironment(t)
	env.DenyKey(kmsKey, "*")
	s, _ := env.withAccounts(t, Options{})
	for name, test := range map[string]struct {
		who      source.Identity
		mentions []string
	}{
		"the operator":                  {source.Identity{}, []string{"the operator may read secret db", "in a policy of its role"}},
		"a ServiceAccount":              {account("pay"), []string{"ServiceAccount pay/app may read secret db", "in a policy of its role"}},
		"a role on top of the operator": {onTop(hubRole), []string{"the operator may read secret db", "in a policy of role " + hubRole}},
		"a role on top of an account":   {source.Identity{Namespace: "pay", ServiceAccount: "app", RoleARN: hubRole}, []string{"ServiceAccount pay/app may", "in a policy of role " + hubRole}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Fetch(t.Context(), as(test.who).Ref, source.Version{})
			mustMention(t, err, source.KMSAccessDenied, test.mentions...)
		})
	}
}

// A caller who is gone while the key's name is asked for gets the end of its own context, which is no refusal.
func TestACallerWhoIsGoneIsNotAnsweredWithAKey(t *testing.T) {
	env := lockedEnvironment(t)
	if _, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("other")}); source.KindOf(err) != source.SecretNotFound {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	err := ownEndpoint(env.source).nameKey(gone, refusal.Call{Ref: current("db")}, &source.Error{Kind: source.KMSAccessDenied})
	if !errors.Is(err, context.Canceled) || source.KindOf(err) != "" {
		t.Errorf("got %v", err)
	}
}
