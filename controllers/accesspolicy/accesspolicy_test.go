package accesspolicy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
)

const arnOf = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:"

// fakeSource answers every call with one secret, and counts the calls.
type fakeSource struct {
	// version is what Resolve returns, and fetched what Fetch returns.
	version, fetched  source.Version
	resolves, fetches int
}

func (f *fakeSource) Resolve(context.Context, source.VersionQuery) (source.Resolution, error) {
	f.resolves++
	value := source.TextValue("hunter2-marker")
	return source.Resolution{Version: f.version, Value: &value}, nil
}

func (f *fakeSource) Fetch(context.Context, source.Ref, source.Version) (source.Fetched, error) {
	f.fetches++
	return source.Fetched{Version: f.fetched, Value: source.TextValue("hunter2-marker")}, nil
}

// Find returns those of three secrets that the query allows.
func (f *fakeSource) Find(_ context.Context, query source.FindQuery) (found []source.Found, err error) {
	for name, tag := range map[string]source.Tag{"/prod/pay/db": {Present: true, Value: "pay"}, "/prod/pay/old": {}, "/prod/web/db": {Present: true, Value: "web"}} {
		secret := source.Found{ARN: arnOf + name + "-a1B2c3", Name: name, Tag: tag}
		if query.Allow == nil || query.Allow(secret) {
			found = append(found, secret)
		}
	}
	return found, nil
}

// secretCalled is a source with a secret of that name and tag.
func secretCalled(name string, tag *source.Tag) *fakeSource {
	version := source.Version{ARN: arnOf + name + "-a1B2c3", ID: "v1", Tag: tag}
	return &fakeSource{version: version, fetched: version}
}

// refTo refers to a secret, for a SecretSync in namespace pay.
func refTo(id string) source.Ref {
	return source.Ref{SecretID: id, Reader: source.Reader{Namespace: "pay", Name: "db"}}
}

func mustParse(t *testing.T, text string) Patterns {
	t.Helper()
	patterns, err := ParsePatterns(text)
	if err != nil {
		t.Fatal(err)
	}
	return patterns
}

// Each row has the id that namespace pay asks for, the name that AWS answers with, and whether AWS may be called at
// all.
func TestPatternsCannotBeSideStepped(t *testing.T) {
	const own, shared = "/prod/{namespace}/*", "/shared/*"
	for name, test := range map[string]struct {
		patterns, id, answer string
		allowed, called      bool
	}{
		"of its own namespace, by name":                {own, "/prod/pay/db", "/prod/pay/db", true, true},
		"of its own namespace, by full ARN":            {own, arnOf + "/prod/pay/db-a1B2c3", "/prod/pay/db", true, true},
		"of its own namespace, by partial ARN":         {own, arnOf + "/prod/pay/db", "/prod/pay/db", true, true},
		"a shared secret":                              {own + "," + shared, "/shared/ca", "/shared/ca", true, true},
		"of another namespace, by name":                {own, "/prod/web/db", "/prod/web/db", false, false},
		"of another namespace, by full ARN":            {own, arnOf + "/prod/web/db-a1B2c3", "/prod/web/db", false, false},
		"of another namespace, by partial ARN":         {own, arnOf + "/prod/web/db", "/prod/web/db", false, false},
		"of another namespace, by the ARN of a region": {own, strings.Replace(arnOf, "eu-west-1", "us-east-1", 1) + "/prod/web/db", "/prod/web/db", false, false},
		"of another namespace, in capitals":            {own, "/PROD/PAY/db", "/PROD/PAY/db", false, false},
		"of another namespace, by a path that goes up": {own, "/prod/pay/../web/db", "/prod/pay/../web/db", true, true}, // AWS knows no paths: it is a name of their own.
		"a name that ends like an allowed name":        {own, "x/prod/pay/db", "x/prod/pay/db", false, false},
		"a namespace that begins like it":              {own, "/prod/payments/db", "/prod/payments/db", false, false},
		"an id of which AWS answers another secret":    {own, arnOf + "/prod/pay/x-abcdef", "/prod/web/db", false, true},
		"an ARN that ends within the pattern":          {"/prod/{namespace}", arnOf + "/prod/pay-abcdef", "/prod/pay-abcdef", false, true},
		"a name that stands where the suffix is":       {"/prod/pay-??????", "/prod/pay-abcdef", "/prod/pay-abcdef", true, true},
		"an ARN of another account":                    {"arn:aws:secretsmanager:*:111122223333:secret:/prod/{namespace}/*", arnOf + "/prod/pay/db", "/prod/pay/db", true, true},
		"an account that the pattern lacks":            {"arn:aws:secretsmanager:*:444455556666:secret:/prod/{namespace}/*", "/prod/pay/db", "/prod/pay/db", false, true},
		"an ARN that ends with the name":               {"arn:aws:secretsmanager:*:111122223333:secret:/prod/{namespace}", "/prod/pay", "/prod/pay", true, true},
		"a full ARN, of one that ends with the name":   {"arn:aws:secretsmanager:*:111122223333:secret:/prod/{namespace}", arnOf + "/prod/pay-a1B2c3", "/prod/pay", true, true},
		"an ARN that is none":                          {own, "arn:aws:secretsmanager:eu-west-1:secret:/prod/pay/db", "/prod/pay/db", false, false},
		"a wildcard of the asker's":                    {own, "/prod/*/db", "/prod/web/db", false, false},
		"braces of the asker's":                        {own, "/prod/{namespace}/db", "/prod/{namespace}/db", false, false},
		"nothing":                                      {own, "", "/prod/pay/db", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			wrapped := secretCalled(test.answer, nil)
			policy := New(wrapped, Rules{Patterns: mustParse(t, test.patterns)})
			resolution, err := policy.Resolve(t.Context(), source.VersionQuery{Ref: refTo(test.id)})
			if allowed := err == nil; allowed != test.allowed || wrapped.resolves > 0 != test.called {
				t.Errorf("allowed is %v (%v), AWS was called %d times", allowed, err, wrapped.resolves)
			}
			if err != nil && (source.KindOf(err) != source.PolicyDenied || resolution.Value != nil || !strings.Contains(err.Error(), "--secret-name-patterns")) {
				t.Errorf("the refusal is %v, with a value: %v", err, resolution.Value != nil)
			}
			fetched, err := policy.Fetch(t.Context(), refTo(test.id), wrapped.version)
			if allowed := err == nil; allowed != test.allowed || wrapped.fetches > 0 != test.allowed {
				t.Errorf("fetching: allowed is %v (%v), AWS was called %d times", allowed, err, wrapped.fetches)
			}
			if err != nil && fetched.Value.Bytes() != nil {
				t.Error("the refusal has a value")
			}
		})
	}
}

// TestAnAnswerWithoutASuffixIsRefused: it is no full ARN, and which secret it is of is not known.
func TestAnAnswerWithoutASuffixIsRefused(t *testing.T) {
	wrapped := secretCalled("/prod/pay/db", nil)
	wrapped.version.ARN = arnOf + "/prod/pay/database"
	policy := New(wrapped, Rules{Patterns: mustParse(t, "arn:aws:secretsmanager:*:111122223333:secret:/prod/{namespace}/*")})
	if _, err := policy.Resolve(t.Context(), source.VersionQuery{Ref: refTo("/prod/pay/db")}); source.KindOf(err) != source.PolicyDenied {
		t.Errorf("got %v", err)
	}
}

func TestARefusalNamesThePatternsAsTheyAreForTheNamespace(t *testing.T) {
	policy := New(secretCalled("x", nil), Rules{Patterns: mustParse(t, "/prod/{namespace}/*, /shared/*")})
	_, err := policy.Resolve(t.Context(), source.VersionQuery{Ref: refTo("/prod/web/db")})
	for _, mention := range []string{"namespace pay", "/prod/web/db", "/prod/pay/*, /shared/*", "serviceAccountRef"} {
		if !strings.Contains(err.Error(), mention) {
			t.Errorf("%v does not mention %q", err, mention)
		}
	}
}

func TestAServiceAccountReadsWhatAWSGivesIt(t *testing.T) {
	policy := New(secretCalled("/prod/web/db", nil), Rules{Patterns: mustParse(t, "/prod/{namespace}/*"), Tag: TagRequire})
	ref := refTo("/prod/web/db")
	ref.Identity = source.Identity{Namespace: "pay", ServiceAccount: "app"}
	if _, err := policy.Resolve(t.Context(), source.VersionQuery{Ref: ref}); err != nil {
		t.Error(err)
	}
	if _, err := policy.Fetch(t.Context(), ref, source.Version{}); err != nil {
		t.Error(err)
	}
	ref.Identity = source.Identity{Namespace: "pay", RoleARN: "arn:aws:iam::111122223333:role/pay"}
	if _, err := policy.Resolve(t.Context(), source.VersionQuery{Ref: ref}); source.KindOf(err) != source.PolicyDenied {
		t.Errorf("a role on top of the operator's own identity: %v", err)
	}
}

func TestTags(t *testing.T) {
	for name, test := range map[string]struct {
		rule TagRule
		tag  *source.Tag
		// mention is a text in the error; absent says that the error is as for a secret that does not exist.
		mention string
		absent  bool
	}{
		"ignored":                       {rule: TagIgnore, tag: &source.Tag{Present: true, Value: "web"}},
		"honored, and it lists it":      {rule: TagHonor, tag: &source.Tag{Present: true, Value: "web  pay"}},
		"honored, and there is none":    {rule: TagHonor, tag: &source.Tag{}},
		"honored, and lists others":     {rule: TagHonor, tag: &source.Tag{Present: true, Value: "web payments"}, absent: true},
		"honored, and lists none":       {rule: TagHonor, tag: &source.Tag{Present: true}, absent: true},
		"honored, and commas are wrong": {rule: TagHonor, tag: &source.Tag{Present: true, Value: "web,pay"}, absent: true},
		"honored, and not known":        {rule: TagHonor, mention: "secretsmanager:DescribeSecret"},
		"required, and it lists it":     {rule: TagRequire, tag: &source.Tag{Present: true, Value: "pay"}},
		"required, and there is none":   {rule: TagRequire, tag: &source.Tag{}, absent: true},
		"required, and not known":       {rule: TagRequire, mention: "secretsmanager:DescribeSecret"},
	} {
		policy := New(secretCalled("db", test.tag), Rules{Tag: test.rule})
		_, err := policy.Resolve(t.Context(), source.VersionQuery{Ref: refTo("db")})
		wanted := err == nil
		switch {
		case test.mention != "":
			wanted = source.KindOf(err) == source.PolicyDenied && strings.Contains(err.Error(), test.mention)
		case test.absent:
			wanted = source.KindOf(err) == source.SecretNotFound
		}
		if !wanted {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A refusal by the tag has the same text as the error for a secret that does not exist: it does not show that the
// secret exists, which namespaces may have it, which labels or versions it has, nor that it is marked for deletion.
func TestARefusalByTheTagSaysNothingOfTheSecret(t *testing.T) {
	refused := func(wrapped source.Source) error {
		_, err := New(wrapped, Rules{Tag: TagHonor}).Resolve(t.Context(), source.VersionQuery{Ref: refTo("db")})
		return err
	}
	missing := refused(&failing{&source.Error{Kind: source.SecretNotFound, Explanation: "there is none", Outdated: true}})
	if source.KindOf(missing) != source.SecretNotFound {
		t.Fatalf("missing: %v", missing)
	}
	if !source.IsOutdated(missing) {
		t.Error("the error is no longer marked as outdated")
	}
	theirs := &source.Version{ARN: arnOf + "db-a1B2c3", Tag: &source.Tag{Present: true, Value: "web"}}
	for name, wrapped := range map[string]source.Source{
		"it is there":           secretCalled("db", theirs.Tag),
		"it has no such label":  &failing{&source.Error{Kind: source.VersionNotFound, Explanation: "it has blue", Of: theirs}},
		"it is to be deleted":   &failing{&source.Error{Kind: source.SecretPendingDeletion, Explanation: "soon", Of: theirs}},
		"its tag is not known":  &failing{&source.Error{Kind: source.VersionNotFound, Explanation: "it has blue"}},
		"it is not there (yet)": &failing{&source.Error{Kind: source.SecretNotFound, Explanation: "there is none"}},
	} {
		if err := refused(wrapped); err == nil || err.Error() != missing.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
	ours := &source.Version{ARN: arnOf + "db-a1B2c3", Tag: &source.Tag{Present: true, Value: "pay"}}
	if err := refused(&failing{&source.Error{Kind: source.VersionNotFound, Explanation: "it has blue", Of: ours}}); source.KindOf(err) != source.VersionNotFound {
		t.Errorf("the owner gets %v", err)
	}
}

func TestASecretThatWasReplacedIsReadAgain(t *testing.T) {
	wrapped := secretCalled("db", nil)
	wrapped.fetched.ARN = arnOf + "db-zzzzzz"
	policy := New(wrapped, Rules{Patterns: mustParse(t, "db")})
	fetched, err := policy.Fetch(t.Context(), refTo("db"), wrapped.version)
	if source.KindOf(err) != source.Busy {
		t.Errorf("got %v", err)
	}
	if fetched.Value.Bytes() != nil {
		t.Error("the value of the other secret is returned")
	}
}

func TestWithoutRulesThereIsNoAccessPolicy(t *testing.T) {
	wrapped := secretCalled("db", nil)
	for _, rules := range []Rules{{}, {Tag: TagIgnore}} {
		if New(wrapped, rules) != source.Source(wrapped) {
			t.Errorf("%+v makes an access policy", rules)
		}
	}
}

func TestErrorsOfTheWrappedSourceAreReturned(t *testing.T) {
	failing := &failing{errors.New("connection reset")}
	policy := New(failing, Rules{Patterns: mustParse(t, "*")})
	if _, err := policy.Resolve(t.Context(), source.VersionQuery{Ref: refTo("db")}); !errors.Is(err, failing.err) {
		t.Error(err)
	}
	if _, err := policy.Fetch(t.Context(), refTo("db"), secretCalled("db", nil).version); !errors.Is(err, failing.err) {
		t.Error(err)
	}
}

func TestWhatANamespaceMayNotHaveIsNotFound(t *testing.T) {
	for name, test := range map[string]struct {
		patterns string
		tag      TagRule
		identity source.Identity
		want     []string
	}{
		"by pattern":                       {patterns: "/prod/{namespace}/*", want: []string{"/prod/pay/db", "/prod/pay/old"}},
		"by tag":                           {tag: TagHonor, want: []string{"/prod/pay/db", "/prod/pay/old"}},
		"by tag, which there must be":      {tag: TagRequire, want: []string{"/prod/pay/db"}},
		"by a pattern that fits none":      {patterns: "/dev/*"},
		"with a ServiceAccount of its own": {patterns: "/dev/*", identity: source.Identity{Namespace: "pay", ServiceAccount: "app"}, want: []string{"/prod/pay/db", "/prod/pay/old", "/prod/web/db"}},
	} {
		policy := New(&fakeSource{}, Rules{Patterns: mustParse(t, test.patterns), Tag: test.tag})
		found, err := policy.Find(t.Context(), source.FindQuery{NamePrefix: "/", Identity: test.identity, Reader: source.Reader{Namespace: "pay"}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, secret := range found {
			got = append(got, secret.Name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

type failing struct{ err error }

func (f *failing) Find(context.Context, source.FindQuery) ([]source.Found, error) {
	return nil, f.err
}

func (f *failing) Resolve(context.Context, source.VersionQuery) (source.Resolution, error) {
	return source.Resolution{}, f.err
}

func (f *failing) Fetch(context.Context, source.Ref, source.Version) (source.Fetched, error) {
	return source.Fetched{}, f.err
}
