package accesspolicy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
)

func TestWhatIsAllowedIsReturnedWhole(t *testing.T) {
	wrapped := secretCalled("/prod/pay/db", nil)
	resolution, err := New(wrapped, Rules{Patterns: mustParse(t, "/prod/{namespace}/*")}).Resolve(t.Context(), source.VersionQuery{Ref: refTo("/prod/pay/db")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wrapped.version, resolution.Version); diff != "" || resolution.Value == nil {
		t.Errorf("with a value: %v; version (-want +got):\n%s", resolution.Value != nil, diff)
	}
}

// TestOtherErrorsKeepTheirText: only the error for a secret that does not exist is replaced, and only by an access
// policy that uses tags.
func TestOtherErrorsKeepTheirText(t *testing.T) {
	missing := &source.Error{Kind: source.SecretNotFound, Explanation: "there is none"}
	throttled := &source.Error{Kind: source.Throttled, Explanation: "too many calls"}
	for name, test := range map[string]struct {
		rules Rules
		err   error
	}{
		"missing, by patterns alone": {Rules{Patterns: mustParse(t, "*")}, missing},
		"throttled, by tags":         {Rules{Tag: TagHonor}, throttled},
	} {
		_, err := New(&failing{test.err}, test.rules).Resolve(t.Context(), source.VersionQuery{Ref: refTo("db")})
		if !errors.Is(err, test.err) || err.Error() != test.err.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusalsNameTheNextStep(t *testing.T) {
	_, absent := New(secretCalled("db", &source.Tag{}), Rules{Tag: TagRequire}).Resolve(t.Context(), source.VersionQuery{Ref: refTo("db")})
	replaced := secretCalled("db", nil)
	replaced.fetched.ARN = arnOf + "db-zzzzzz"
	_, busy := New(replaced, Rules{Patterns: mustParse(t, "db")}).Fetch(t.Context(), refTo("db"), replaced.version)
	for mention, err := range map[string]error{"AWS has no secret db for namespace pay: create it": absent, "secret db was replaced": busy} {
		if err == nil || !strings.Contains(err.Error(), mention) {
			t.Errorf("%v does not mention %q", err, mention)
		}
	}
}

// TestATagThatIsAbsentAllowsNothing, whatever its value is.
func TestATagThatIsAbsentAllowsNothing(t *testing.T) {
	wrapped := secretCalled("db", &source.Tag{Present: false, Value: "pay"})
	if _, err := New(wrapped, Rules{Tag: TagRequire}).Resolve(t.Context(), source.VersionQuery{Ref: refTo("db")}); source.KindOf(err) != source.SecretNotFound {
		t.Errorf("got %v", err)
	}
}

func TestAnEmptyNameFitsNoPattern(t *testing.T) {
	wrapped := secretCalled("db", nil)
	policy := New(wrapped, Rules{Patterns: mustParse(t, "*")})
	if _, err := policy.Resolve(t.Context(), source.VersionQuery{Ref: refTo("")}); source.KindOf(err) != source.PolicyDenied || wrapped.resolves > 0 {
		t.Errorf("%v, after %d calls to AWS", err, wrapped.resolves)
	}
}

// TestAnAnswerThatIsNoFullARNIsRefused: the access policy refuses what it cannot read a name in.
func TestAnAnswerThatIsNoFullARNIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ patterns, arn string }{
		"no suffix":                   {"/prod/pay", arnOf + "/prod/payXa1B2c3"},
		"nothing but a suffix":        {"*", arnOf + "-a1B2c3"},
		"less than a suffix":          {"*", arnOf + "x"},
		"no ARN":                      {"*", "db-a1B2c3"},
		"none":                        {"*", ""},
		"a name with another wrapped": {"/prod/pay", arnOf + "/prod/pay-a1B2c3:web-a1B2c3"},
	} {
		policy := New(secretCalled("db", nil), Rules{Patterns: mustParse(t, test.patterns)})
		fetched, err := policy.Fetch(t.Context(), refTo("/prod/pay"), source.Version{ARN: test.arn})
		if source.KindOf(err) != source.PolicyDenied {
			t.Errorf("%s: %v", name, err)
		}
		if fetched.Value.Bytes() != nil {
			t.Errorf("%s: the value is returned", name)
		}
	}
}
