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
func lockedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
	w.DenyKey(kmsKey, testReader)
	w.ResetCalls()
	return w
}

// That DescribeSecret is denied is remembered for longer than its refusal is: the key's name is not asked for again.
func TestTheNameOfAKeyIsNotAskedForWhereItIsDenied(t *testing.T) {
	w := lockedWorld(t)
	w.deny("DescribeSecret")
	for range 3 {
		_, err := w.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
		mustMention(t, err, source.KMSAccessDenied, "allow secretsmanager:DescribeSecret to see its name")
		w.now = w.now.Add(refusedLasts + time.Second)
	}
	if diff := cmp.Diff([]string{"DescribeSecret", "GetSecretValue", "GetSecretValue", "GetSecretValue"}, w.operations()); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
}

// A key is named only where DescribeSecret answers, and the cause to log is the denial's in each case.
func TestAKeyWithoutANameIsNotTakenForAWSsOwn(t *testing.T) {
	for _, denied := range []bool{false, true} {
		w := lockedWorld(t)
		mention := "kms:Decrypt on KMS key " + kmsKey
		if denied {
			w.deny("DescribeSecret")
			mention = "allow secretsmanager:DescribeSecret to see its name"
		}
		_, err := w.source.Fetch(t.Context(), current("db"), source.Version{})
		mustMention(t, err, source.KMSAccessDenied, mention)
		if refused, ok := errors.AsType[*source.Error](err); !ok || refused.Cause == nil {
			t.Errorf("there is no cause to log: %v", err)
		}
	}
}

// A caller who is gone while the key's name is asked for gets the end of its own context, which is no refusal.
func TestACallerWhoIsGoneIsNotAnsweredWithAKey(t *testing.T) {
	w := lockedWorld(t)
	if _, err := w.source.Resolve(t.Context(), source.VersionQuery{Ref: current("other")}); source.KindOf(err) != source.SecretNotFound {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	err := ownEndpoint(w.source).nameKey(gone, refusal.Call{Ref: current("db")}, &source.Error{Kind: source.KMSAccessDenied})
	if !errors.Is(err, context.Canceled) || source.KindOf(err) != "" {
		t.Errorf("got %v", err)
	}
}
