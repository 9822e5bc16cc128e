package aws

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// recorded notes what is asked of STS, and who signed it.
type recorded struct {
	aws.HTTPClient
	forms   []url.Values
	signers []string
}

func (r *recorded) Do(request *http.Request) (*http.Response, error) {
	if strings.HasPrefix(request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		text, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		request.Body = io.NopCloser(bytes.NewReader(text))
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return nil, err
		}
		r.forms, r.signers = append(r.forms, form), append(r.signers, request.Header.Get("Authorization"))
	}
	return r.HTTPClient.Do(request)
}

// TestTheExternalIDIsForTheLastRoleOfTheChainAlone: a role in between that is told it could act with it. The tags go
// with the first role, and by being transitive to all others.
func TestTheExternalIDIsForTheLastRoleOfTheChainAlone(t *testing.T) {
	w := newWorld(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	w.strict(t)
	w.role(t, "hub", testReader, assumeAndTag, "")
	w.role(t, "teams/pay", hubRole, assumeAndTag, "")
	s := w.again(t, Options{SessionTags: true})
	record := &recorded{HTTPClient: s.config.HTTPClient}
	s.config.HTTPClient = record
	who := onTop(payRole)
	who.Via, who.ExternalID = hubRole, "e-1"
	if _, err := s.Observe(t.Context(), as(who)); err != nil {
		t.Fatal(err)
	}
	if len(record.forms) != 2 {
		t.Fatalf("%d calls of STS", len(record.forms))
	}
	for n, want := range []struct{ role, external, tags, transitive string }{
		{hubRole, "", "kubernetes-namespace=pay kubernetes-cluster=prod/eu 1", "kubernetes-namespace kubernetes-cluster"},
		{payRole, "e-1", "", ""},
	} {
		form := record.forms[n]
		var tags, transitive []string
		for member := 1; form.Has(memberOf("Tags", member) + ".Key"); member++ {
			tags = append(tags, form.Get(memberOf("Tags", member)+".Key")+"="+form.Get(memberOf("Tags", member)+".Value"))
		}
		for member := 1; form.Has(memberOf("TransitiveTagKeys", member)); member++ {
			transitive = append(transitive, form.Get(memberOf("TransitiveTagKeys", member)))
		}
		if form.Get("RoleArn") != want.role || form.Get("ExternalId") != want.external || form.Has("ExternalId") != (want.external != "") ||
			form.Get("DurationSeconds") != "3600" || strings.Join(tags, " ") != want.tags || strings.Join(transitive, " ") != want.transitive {
			t.Errorf("role %d: %v", n+1, form)
		}
	}
}

func memberOf(list string, n int) string { return list + ".member." + string(rune('0'+n)) }

// TestWithoutAnExternalIDNoneIsSent: STS refuses an empty one.
func TestWithoutAnExternalIDNoneIsSent(t *testing.T) {
	w := newWorld(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s := w.again(t, Options{})
	record := &recorded{HTTPClient: s.config.HTTPClient}
	s.config.HTTPClient = record
	if _, err := s.Observe(t.Context(), as(onTop(payRole))); err != nil {
		t.Fatal(err)
	}
	if len(record.forms) != 1 || record.forms[0].Has("ExternalId") || record.forms[0].Has("Tags.member.1.Key") {
		t.Errorf("STS is asked %v", record.forms)
	}
}

// TestAServiceAccountsRoleIsAskedForWithItsTokenAlone: no signature shows the operator's own key to STS.
func TestAServiceAccountsRoleIsAskedForWithItsTokenAlone(t *testing.T) {
	w := newWorld(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s, _ := w.withAccounts(t, Options{})
	record := &recorded{HTTPClient: s.config.HTTPClient}
	s.config.HTTPClient = record
	if _, err := s.Observe(t.Context(), as(account("pay"))); err != nil {
		t.Fatal(err)
	}
	if len(record.forms) != 1 || record.signers[0] != "" || record.forms[0].Get("DurationSeconds") != "3600" || record.forms[0].Get("RoleArn") != payRole {
		t.Errorf("%d calls of STS, signed %q", len(record.forms), record.signers)
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
