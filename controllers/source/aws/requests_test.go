package aws

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// TestWithoutAnExternalIDNoneIsSent: STS refuses an empty one.
func TestWithoutAnExternalIDNoneIsSent(t *testing.T) {
	w := newWorld(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s := w.again(t, Options{})
	record := &forms{}
	s.config.HTTPClient = record
	if _, err := s.Resolve(t.Context(), as(onTop(payRole))); err != nil {
		t.Fatal(err)
	}
	if len(record.sent) != 1 || record.sent[0].Has("ExternalId") || record.sent[0].Has("Tags.member.1.Key") {
		t.Errorf("STS is asked %v", record.sent)
	}
}

// TestAServiceAccountsRoleIsAskedForWithItsTokenAlone: no signature shows the operator's own key to STS.
func TestAServiceAccountsRoleIsAskedForWithItsTokenAlone(t *testing.T) {
	w := newWorld(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s, _ := w.withAccounts(t, Options{})
	record := &forms{}
	s.config.HTTPClient = record
	if _, err := s.Resolve(t.Context(), as(account("pay"))); err != nil {
		t.Fatal(err)
	}
	if len(record.sent) != 1 || record.signatures[0] != "" || record.sent[0].Get("DurationSeconds") != "3600" || record.sent[0].Get("RoleArn") != payRole {
		t.Errorf("%d calls of STS, signed %q", len(record.sent), record.signatures)
	}
}

// TestTagsAreWhatSTSTakes: no empty one, none that is too long, and no character that it refuses.
func TestTagsAreWhatSTSTakes(t *testing.T) {
	for name, test := range map[string]struct {
		cluster string
		who     source.Identity
		want    []string
	}{
		"a ServiceAccount":       {"prod", source.Identity{Namespace: "pay", ServiceAccount: "app"}, []string{"pay", "app", "prod"}},
		"without a cluster":      {"", source.Identity{Namespace: "pay"}, []string{"pay"}},
		"a cluster of any name":  {"prod#eu", source.Identity{Namespace: "pay"}, []string{"pay", "prod-eu"}},
		"a cluster of long name": {strings.Repeat("c", 300), source.Identity{Namespace: "pay"}, []string{"pay", strings.Repeat("c", 256)}},
	} {
		s := &Source{options: Options{SessionTags: true, Cluster: test.cluster}}
		var set stscreds.AssumeRoleOptions
		s.tag(test.who, &set)
		var got []string
		for _, tag := range set.Tags {
			got = append(got, *tag.Value)
		}
		if strings.Join(got, " ") != strings.Join(test.want, " ") || len(set.TransitiveTagKeys) != len(test.want) {
			t.Errorf("%s: %q, of which %v are handed on", name, got, set.TransitiveTagKeys)
		}
	}
}

func TestNamesOfSessionsAreCutAndCleaned(t *testing.T) {
	if got := sanitized("AZaz09-_ \u00e4@", "@"); got != "AZaz09----@" {
		t.Errorf("%q", got)
	}
	exact := strings.Repeat("n", 64)
	if got := shortName(exact); got != exact {
		t.Errorf("%q", got)
	}
	s := &Source{}
	if got := s.sessionName(source.Identity{Namespace: "pay", ServiceAccount: "app"}); got != "pay.app" {
		t.Errorf("without a cluster: %q", got)
	}
}

// TestHowLongThingsAreKept: other tests move the clock by these, and so would pass with any.
func TestHowLongThingsAreKept(t *testing.T) {
	for name, test := range map[string]struct{ got, want time.Duration }{
		"a value":                             {valueLasts, time.Minute},
		"a ServiceAccount":                    {accountLasts, time.Minute},
		"that there is no ServiceAccount":     {noAccountLasts, 5 * time.Second},
		"a refusal of credentials":            {refusedLasts, 30 * time.Second},
		"a denial":                            {denialLasts, 10 * time.Minute},
		"an answer that a find is too broad":  {broadLasts, 10 * time.Minute},
		"an identity that is not used":        {idleLasts, time.Hour},
		"a role's session":                    {roleLasts, time.Hour},
		"what is left of a session, at least": {renewBefore, 5 * time.Minute},
	} {
		if test.got != test.want {
			t.Errorf("%s is kept for %s, not %s", name, test.got, test.want)
		}
	}
}
