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

// lockedWorld has a secret whose key the reader may not use.
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
