package identity

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// A session is dropped where AWS refuses it, or denies it what its role has, as it does after sessions were revoked. What a
// policy denies is denied to the next session too.
func TestASessionIsDroppedForWhatANewOneMends(t *testing.T) {
	const revoked = "User: x is not authorized to perform: secretsmanager:GetSecretValue with an explicit deny in an identity-based policy"
	for name, test := range map[string]struct {
		err   error
		age   time.Duration
		keeps bool // The keys are static.
		want  bool
	}{
		"it has expired":                   {err: refusal400("ExpiredTokenException", ""), want: true},
		"it has expired, to STS":           {err: refusal400("ExpiredToken", ""), want: true},
		"its role is gone":                 {err: refusal400("UnrecognizedClientException", ""), want: true},
		"its role is gone, to STS":         {err: refusal400("InvalidClientTokenId", ""), want: true},
		"its keys are static":              {err: refusal400("ExpiredTokenException", ""), keeps: true},
		"it was revoked":                   {err: refusal400("AccessDeniedException", revoked), age: doubtAfter + 1, want: true},
		"it was revoked, to STS":           {err: refusal400("AccessDenied", revoked), age: doubtAfter + 1, want: true},
		"it is too young to be revoked":    {err: refusal400("AccessDeniedException", revoked), age: doubtAfter},
		"it is of no role":                 {err: refusal400("AccessDeniedException", revoked), age: -1},
		"a policy allows nothing":          {err: refusal400("AccessDeniedException", "because no identity-based policy allows it"), age: time.Hour},
		"another code":                     {err: refusal400("ResourceNotFoundException", ""), age: time.Hour},
		"no answer":                        {err: context.DeadlineExceeded, age: time.Hour},
		"there were no credentials for it": {err: &refusal.CredentialsError{Cause: refusal400("ExpiredTokenException", "")}, age: time.Hour},
	} {
		now, got := time.Unix(1_000_000, 0), 0
		i := &Identity{now: func() time.Time { return now }}
		if test.age >= 0 {
			i.began = now.Add(-test.age)
		}
		i.cache = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			got++
			return aws.Credentials{AccessKeyID: "k", SecretAccessKey: "s", CanExpire: !test.keeps, Expires: time.Now().Add(time.Hour)}, nil
		}))
		dropped := i.Invalidate(t.Context(), test.err)
		if _, err := i.cache.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if dropped != test.want || got > 1 != test.want {
			t.Errorf("%s: others may be had: %v, and credentials are got %d times", name, dropped, got)
		}
	}
	if (&Identity{}).Invalidate(t.Context(), refusal400("ExpiredTokenException", "")) {
		t.Error("credentials that the SDK does not renew may be had again")
	}
}

func refusal400(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

// The regions that an identity reads from do not become more by being read from again, as after an eviction.
func TestARegionIsNotedOnce(t *testing.T) {
	i := &Identity{}
	for _, region := range []string{"eu-west-1", "eu-north-1", "eu-west-1"} {
		i.Reads(region)
	}
	got := i.read()
	if !slices.Equal(got, []string{"eu-west-1", "eu-north-1"}) {
		t.Errorf("it reads from %q", got)
	}
	got[0] = "nowhere"
	if i.read()[0] != "eu-west-1" || (*Identity)(nil).read() != nil {
		t.Error("another one can change the regions, or no identity has some")
	}
}

func TestASessionBeginsWhenItsCredentialsAreGot(t *testing.T) {
	i := &Identity{now: time.Now}
	failed := errors.New("refused")
	for _, err := range []error{failed, nil} {
		provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, err })
		if _, got := (dated{provider, i}).Retrieve(t.Context()); !errors.Is(got, err) {
			t.Errorf("%v becomes %v", err, got)
		}
		if began := !i.began.IsZero(); began != (err == nil) {
			t.Errorf("after %v a session has begun: %v", err, began)
		}
	}
}

// TestHowLongCredentialsAreKept: other tests move the clock by these, and so would pass with any.
func TestHowLongCredentialsAreKept(t *testing.T) {
	for name, test := range map[string]struct{ got, want time.Duration }{
		"a role's session":                    {roleLasts, time.Hour},
		"what is left of a session, at least": {renewBefore, 5 * time.Minute},
		"a refusal":                           {refusalLasts, 30 * time.Second},
	} {
		if test.got != test.want {
			t.Errorf("%s is kept for %s, not %s", name, test.got, test.want)
		}
	}
}
