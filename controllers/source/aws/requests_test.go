package aws

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// TestWithoutAnExternalIDNoneIsSent: STS refuses an empty one.
func TestWithoutAnExternalIDNoneIsSent(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	record := &forms{}
	s := env.again(t, Options{LoadOptions: []func(*config.LoadOptions) error{config.WithHTTPClient(record)}})
	if _, err := s.Resolve(t.Context(), as(onTop(payRole))); err != nil {
		t.Fatal(err)
	}
	if len(record.sent) != 1 || record.sent[0].Has("ExternalId") || record.sent[0].Has("Tags.member.1.Key") {
		t.Errorf("STS is asked %v", record.sent)
	}
}

// TestAServiceAccountsRoleIsAskedForWithItsTokenAlone: no signature shows the operator's own key to STS.
func TestAServiceAccountsRoleIsAskedForWithItsTokenAlone(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	record := &forms{}
	s, _ := env.withAccounts(t, Options{LoadOptions: []func(*config.LoadOptions) error{config.WithHTTPClient(record)}})
	if _, err := s.Resolve(t.Context(), as(account("pay"))); err != nil {
		t.Fatal(err)
	}
	if len(record.sent) != 1 || record.signatures[0] != "" || record.sent[0].Get("DurationSeconds") != "3600" || record.sent[0].Get("RoleArn") != payRole {
		t.Errorf("%d calls of STS, signed %q", len(record.sent), record.signatures)
	}
}

// TestHowLongThingsAreKept: other tests move the clock by these, and so would pass with any.
func TestHowLongThingsAreKept(t *testing.T) {
	for name, test := range map[string]struct{ got, want time.Duration }{
		"a value":                            {valueLasts, time.Minute},
		"a ServiceAccount":                   {accountLasts, time.Minute},
		"that there is no ServiceAccount":    {noAccountLasts, 5 * time.Second},
		"a refusal":                          {refusedLasts, 30 * time.Second},
		"a denial":                           {denialLasts, 10 * time.Minute},
		"an answer that a find is too broad": {broadLasts, 10 * time.Minute},
		"an identity that is not used":       {idleLasts, time.Hour},
	} {
		if test.got != test.want {
			t.Errorf("%s is kept for %s, not %s", name, test.got, test.want)
		}
	}
}
