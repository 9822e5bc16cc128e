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

// vault answers every question with one secret, and counts what it is asked.
type vault struct {
	version           source.Version
	fetched           source.Version
	observes, fetches int
}

func (v *vault) Resolve(context.Context, source.VersionQuery) (source.Resolution, error) {
	v.observes++
	value := source.TextValue("hunter2-marker")
	return source.Resolution{Version: v.version, Value: &value}, nil
}

func (v *vault) Fetch(context.Context, source.Ref, source.Version) (source.Fetched, error) {
	v.fetches++
	return source.Fetched{Version: v.fetched, Value: source.TextValue("hunter2-marker")}, nil
}

// Find gives three secrets, as far as they are allowed.
func (v *vault) Find(_ context.Context, query source.FindQuery) (found []source.Found, err error) {
	for name, tag := range map[string]source.Tag{"/prod/pay/db": {Present: true, Value: "pay"}, "/prod/pay/old": {}, "/prod/web/db": {Present: true, Value: "web"}} {
		one := source.Found{ARN: arnOf + name + "-a1B2c3", Name: name, Tag: tag}
		if query.Allow == nil || query.Allow(one) {
			found = append(found, one)
		}
	}
	return found, nil
}

// secretCalled is what AWS says of a secret.
func secretCalled(name string, tag *source.Tag) *vault {
	version := source.Version{ARN: arnOf + name + "-a1B2c3", ID: "v1", Tag: tag}
	return &vault{version: version, fetched: version}
}

// ask is what team pay asks for.
func ask(id string) source.Ref {
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

// Each line is what team pay asks for, what AWS then says the secret is called, and whether AWS may be
// asked at all.
func TestPatternsCannotBeSideStepped(t *testing.T) {
	const own, shared = "/prod/{namespace}/*", "/shared/*"
	for name, test := range map[string]struct {
		patterns, id, called string
		allowed, asked       bool
	}{
		"its own, by name":                       {own, "/prod/pay/db", "/prod/pay/db", true, true},
		"its own, by full ARN":                   {own, arnOf + "/prod/pay/db-a1B2c3", "/prod/pay/db", true, true},
		"its own, by partial ARN":                {own, arnOf + "/prod/pay/db", "/prod/pay/db", true, true},
		"a shared one":                           {own + "," + shared, "/shared/ca", "/shared/ca", true, true},
		"another's, by name":                     {own, "/prod/web/db", "/prod/web/db", false, false},
		"another's, by full ARN":                 {own, arnOf + "/prod/web/db-a1B2c3", "/prod/web/db", false, false},
		"another's, by partial ARN":              {own, arnOf + "/prod/web/db", "/prod/web/db", false, false},
		"another's, by the ARN of a region":      {own, strings.Replace(arnOf, "eu-west-1", "us-east-1", 1) + "/prod/web/db", "/prod/web/db", false, false},
		"another's, in capitals":                 {own, "/PROD/PAY/db", "/PROD/PAY/db", false, false},
		"another's, by a path that goes up":      {own, "/prod/pay/../web/db", "/prod/pay/../web/db", true, true}, // AWS knows no paths: it is a name of their own.
		"a name with theirs in front":            {own, "x/prod/pay/db", "x/prod/pay/db", false, false},
		"a namespace that begins like theirs":    {own, "/prod/payments/db", "/prod/payments/db", false, false},
		"an id that turns out to mean another's": {own, arnOf + "/prod/pay/x-abcdef", "/prod/web/db", false, true},
		"an ARN that ends within the pattern":    {"/prod/{namespace}", arnOf + "/prod/pay-abcdef", "/prod/pay-abcdef", false, true},
		"a name that stands where the suffix is": {"/prod/pay-??????", "/prod/pay-abcdef", "/prod/pay-abcdef", true, true},
		"an ARN of another account":              {"arn:aws:secretsmanager:*:111122223333:secret:/prod/{namespace}/*", arnOf + "/prod/pay/db", "/prod/pay/db", true, true},
		"an account that the pattern lacks":      {"arn:aws:secretsmanager:*:444455556666:secret:/prod/{namespace}/*", "/prod/pay/db", "/prod/pay/db", false, true},
		"an ARN that is none":                    {own, "arn:aws:secretsmanager:eu-west-1:secret:/prod/pay/db", "/prod/pay/db", false, false},
		"a wildcard of the asker's":              {own, "/prod/*/db", "/prod/web/db", false, false},
		"braces of the asker's":                  {own, "/prod/{namespace}/db", "/prod/{namespace}/db", false, false},
		"nothing":                                {own, "", "/prod/pay/db", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			behind := secretCalled(test.called, nil)
			restricted := New(behind, Rules{Patterns: mustParse(t, test.patterns)})
			resolution, err := restricted.Resolve(t.Context(), source.VersionQuery{Ref: ask(test.id)})
			if allowed := err == nil; allowed != test.allowed || behind.observes > 0 != test.asked {
				t.Errorf("allowed is %v (%v), AWS was asked %d times", allowed, err, behind.observes)
			}
			if err != nil && (source.KindOf(err) != source.PolicyDenied || resolution.Value != nil || !strings.Contains(err.Error(), "--secret-name-patterns")) {
				t.Errorf("the refusal is %v, with a value: %v", err, resolution.Value != nil)
			}
			fetched, err := restricted.Fetch(t.Context(), ask(test.id), behind.version)
			if allowed := err == nil; allowed != test.allowed || behind.fetches > 0 != test.allowed || !allowed && fetched.Value.Bytes() != nil {
				t.Errorf("fetching: allowed is %v (%v), AWS was asked %d times", allowed, err, behind.fetches)
			}
		})
	}
}

func TestARefusalNamesThePatternsAsTheyAreForTheNamespace(t *testing.T) {
	restricted := New(secretCalled("x", nil), Rules{Patterns: mustParse(t, "/prod/{namespace}/*, /shared/*")})
	_, err := restricted.Resolve(t.Context(), source.VersionQuery{Ref: ask("/prod/web/db")})
	for _, mention := range []string{"namespace pay", "/prod/web/db", "/prod/pay/*, /shared/*", "serviceAccountRef"} {
		if !strings.Contains(err.Error(), mention) {
			t.Errorf("%v does not mention %q", err, mention)
		}
	}
}

func TestAServiceAccountReadsWhatAWSGivesIt(t *testing.T) {
	restricted := New(secretCalled("/prod/web/db", nil), Rules{Patterns: mustParse(t, "/prod/{namespace}/*"), Tag: TagRequire})
	ref := ask("/prod/web/db")
	ref.Identity = source.Identity{Namespace: "pay", ServiceAccount: "app"}
	if _, err := restricted.Resolve(t.Context(), source.VersionQuery{Ref: ref}); err != nil {
		t.Error(err)
	}
	if _, err := restricted.Fetch(t.Context(), ref, source.Version{}); err != nil {
		t.Error(err)
	}
	ref.Identity = source.Identity{Namespace: "pay", RoleARN: "arn:aws:iam::111122223333:role/pay"}
	if _, err := restricted.Resolve(t.Context(), source.VersionQuery{Ref: ref}); source.KindOf(err) != source.PolicyDenied {
		t.Errorf("a role on top of the operator's own identity: %v", err)
	}
}

func TestTags(t *testing.T) {
	for name, test := range map[string]struct {
		rule    TagRule
		tag     *source.Tag
		mention string // of the refusal; empty where there is none, and where it is as if there were no such secret
		absent  bool
	}{
		"ignored":                       {rule: TagIgnore, tag: &source.Tag{Present: true, Value: "web"}},
		"honored, and it lists it":      {rule: TagHonor, tag: &source.Tag{Present: true, Value: "web  pay"}},
		"honored, and there is none":    {rule: TagHonor, tag: &source.Tag{}},
		"honored, and lists others":     {rule: TagHonor, tag: &source.Tag{Present: true, Value: "web payments"}, absent: true},
		"honored, and lists nobody":     {rule: TagHonor, tag: &source.Tag{Present: true}, absent: true},
		"honored, and commas are wrong": {rule: TagHonor, tag: &source.Tag{Present: true, Value: "web,pay"}, absent: true},
		"honored, and not known":        {rule: TagHonor, mention: "secretsmanager:DescribeSecret"},
		"required, and it lists it":     {rule: TagRequire, tag: &source.Tag{Present: true, Value: "pay"}},
		"required, and there is none":   {rule: TagRequire, tag: &source.Tag{}, absent: true},
		"required, and not known":       {rule: TagRequire, mention: "secretsmanager:DescribeSecret"},
	} {
		restricted := New(secretCalled("db", test.tag), Rules{Tag: test.rule})
		_, err := restricted.Resolve(t.Context(), source.VersionQuery{Ref: ask("db")})
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

// A refusal by the tag says nothing that one of a secret that is not there does not say too: not that there is one, not
// who has it, not which labels or versions it has, nor that it is being deleted.
func TestARefusalByTheTagSaysNothingOfTheSecret(t *testing.T) {
	refused := func(behind source.Source) error {
		_, err := New(behind, Rules{Tag: TagHonor}).Resolve(t.Context(), source.VersionQuery{Ref: ask("db")})
		return err
	}
	missing := refused(&failing{&source.Error{Kind: source.SecretNotFound, Explanation: "there is none", Outdated: true}})
	if source.KindOf(missing) != source.SecretNotFound || !source.IsOutdated(missing) {
		t.Fatalf("missing: %v", missing)
	}
	theirs := &source.Version{ARN: arnOf + "db-a1B2c3", Tag: &source.Tag{Present: true, Value: "web"}}
	for name, behind := range map[string]source.Source{
		"it is there":           secretCalled("db", theirs.Tag),
		"it has no such label":  &failing{&source.Error{Kind: source.VersionNotFound, Explanation: "it has blue", Of: theirs}},
		"it is to be deleted":   &failing{&source.Error{Kind: source.SecretPendingDeletion, Explanation: "soon", Of: theirs}},
		"its tag is not known":  &failing{&source.Error{Kind: source.VersionNotFound, Explanation: "it has blue"}},
		"it is not there (yet)": &failing{&source.Error{Kind: source.SecretNotFound, Explanation: "there is none"}},
	} {
		if err := refused(behind); err == nil || err.Error() != missing.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
	ours := &source.Version{ARN: arnOf + "db-a1B2c3", Tag: &source.Tag{Present: true, Value: "pay"}}
	if err := refused(&failing{&source.Error{Kind: source.VersionNotFound, Explanation: "it has blue", Of: ours}}); source.KindOf(err) != source.VersionNotFound {
		t.Errorf("whose it is gets %v", err)
	}
}

func TestAnotherSecretOfTheNameIsLookedAtAgain(t *testing.T) {
	behind := secretCalled("db", nil)
	behind.fetched.ARN = arnOf + "db-zzzzzz"
	restricted := New(behind, Rules{Patterns: mustParse(t, "db")})
	fetched, err := restricted.Fetch(t.Context(), ask("db"), behind.version)
	if source.KindOf(err) != source.Busy || fetched.Value.Bytes() != nil {
		t.Errorf("got %v", err)
	}
}

func TestWithoutRulesThereIsNoAccessPolicy(t *testing.T) {
	behind := secretCalled("db", nil)
	for _, rules := range []Rules{{}, {Tag: TagIgnore}} {
		if New(behind, rules) != source.Source(behind) {
			t.Errorf("%+v makes an access policy", rules)
		}
	}
}

func TestWhatIsRefusedBehindComesThrough(t *testing.T) {
	failing := &failing{errors.New("gone")}
	restricted := New(failing, Rules{Patterns: mustParse(t, "*")})
	if _, err := restricted.Resolve(t.Context(), source.VersionQuery{Ref: ask("db")}); !errors.Is(err, failing.err) {
		t.Error(err)
	}
	if _, err := restricted.Fetch(t.Context(), ask("db"), secretCalled("db", nil).version); !errors.Is(err, failing.err) {
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
		restricted := New(&vault{}, Rules{Patterns: mustParse(t, test.patterns), Tag: test.tag})
		found, err := restricted.Find(t.Context(), source.FindQuery{NamePrefix: "/", Identity: test.identity, Reader: source.Reader{Namespace: "pay"}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range found {
			got = append(got, one.Name)
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
