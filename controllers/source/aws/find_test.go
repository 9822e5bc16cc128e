package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// tagged makes a secret with tags, each key followed by its value, and gives its ARN.
func (env *environment) tagged(t *testing.T, name string, tags ...string) string {
	t.Helper()
	input := &secretsmanager.CreateSecretInput{Name: &name}
	for pair := range slices.Chunk(tags, 2) {
		input.Tags = append(input.Tags, types.Tag{Key: &pair[0], Value: &pair[1]})
	}
	return aws.ToString(env.create(t, input).ARN)
}

func (env *environment) find(t *testing.T, asked source.FindQuery) (names []string) {
	t.Helper()
	found, err := env.source.Find(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range found {
		names = append(names, secret.Name)
	}
	return names
}

func TestFindGivesWhatMatchesExactly(t *testing.T) {
	env := newEnvironment(t)
	env.tagged(t, "/prod/pay/b", "team", "pay", "env", "prod")
	env.tagged(t, "/prod/pay/a", "team", "pay")
	env.tagged(t, "/prod/web", "team", "prod", "env", "pay")
	env.tagged(t, "/Prod/other", "team", "payments")
	env.tagged(t, "!odd")
	env.tagged(t, "/prod/pay/gone", "team", "pay")
	if _, err := env.admin.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("/prod/pay/gone")}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		asked source.FindQuery
		want  []string
	}{
		"a prefix":                          {source.FindQuery{NamePrefix: "/prod/pay/"}, []string{"/prod/pay/a", "/prod/pay/b"}},
		"a prefix in its case":              {source.FindQuery{NamePrefix: "/Prod"}, []string{"/Prod/other"}},
		"a prefix that AWS takes for a not": {source.FindQuery{NamePrefix: "!o"}, []string{"!odd"}},
		"a pattern, on the whole name":      {source.FindQuery{NamePattern: "/prod/pay/[a-z]"}, []string{"/prod/pay/a", "/prod/pay/b"}},
		"a pattern of a part of the name":   {source.FindQuery{NamePattern: "web|db"}, nil},
		"a pattern of a beginning":          {source.FindQuery{NamePattern: "/prod/w"}, nil},
		"alternatives":                      {source.FindQuery{NamePattern: "!odd|/prod/w.*"}, []string{"!odd", "/prod/web"}},
		"a tag":                             {source.FindQuery{Tags: map[string]string{"team": "pay"}}, []string{"/prod/pay/a", "/prod/pay/b"}},
		"two tags, each with its own value": {source.FindQuery{Tags: map[string]string{"team": "pay", "env": "prod"}}, []string{"/prod/pay/b"}},
		"a prefix and a pattern":            {source.FindQuery{NamePrefix: "/prod/", NamePattern: ".*b"}, []string{"/prod/pay/b", "/prod/web"}},
		"a tag that nothing has":            {source.FindQuery{Tags: map[string]string{"team": "nö"}}, nil},
		"what the rules let through": {source.FindQuery{NamePrefix: "/prod", Allow: func(secret source.Found) bool { return secret.Name != "/prod/web" }},
			[]string{"/prod/pay/a", "/prod/pay/b"}},
	} {
		if diff := cmp.Diff(test.want, env.find(t, test.asked)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestFoundSecretsSayWhoMayHaveThem(t *testing.T) {
	env := newEnvironment(t)
	arn := env.tagged(t, "a", source.TagNamespaces, "pay web")
	found, err := env.source.Find(t.Context(), source.FindQuery{NamePrefix: "a"})
	if err != nil {
		t.Fatal(err)
	}
	want := []source.Found{{ARN: arn, Name: "a", Region: localaws.DefaultRegion, Tag: source.Tag{Present: true, Value: "pay web"}}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestThoseWhoLookForTheSameShareAList(t *testing.T) {
	env := newEnvironment(t)
	env.tagged(t, "a", "x", "1", "y", "2")
	env.tagged(t, "b", "x", "1", "y", "2")
	asked := source.FindQuery{NamePattern: "[ab]", Tags: map[string]string{"x": "1", "y": "2"}, MaxAge: time.Minute}
	env.find(t, asked)
	asked.Reader, asked.Allow = source.Reader{Namespace: "web"}, func(secret source.Found) bool { return secret.Name != "a" }
	if diff := cmp.Diff([]string{"b"}, env.find(t, asked)); diff != "" {
		t.Error(diff)
	}
	asked.Allow = nil
	if diff := cmp.Diff([]string{"a", "b"}, env.find(t, asked)); diff != "" {
		t.Errorf("what one may not have is kept from another:\n%s", diff)
	}
	if env.Count("") != 1 {
		t.Errorf("%d calls, want one ListSecrets for both", env.Count(""))
	}
	env.find(t, source.FindQuery{NamePrefix: "a", MaxAge: time.Minute})
	asked.MaxAge = 0
	env.find(t, asked)
	if env.Count("ListSecrets") != 3 {
		t.Errorf("%d lists, want one more for another query, and one for a query that takes no cached answer", env.Count("ListSecrets"))
	}
}

// versions are secrets that were found before, in the state of a date.
func versions(at time.Time, arns ...string) (known []source.Version) {
	for _, arn := range arns {
		known = append(known, source.Version{ARN: arn, Region: localaws.DefaultRegion, Changed: at})
	}
	return known
}

// The list is from before these secrets came, or were changed. What has a date that proves it is dropped at once, a
// secret that is not there only after AWS has said so for a while.
func TestKnownSecretsAreNotDroppedOnTheWordOfAList(t *testing.T) {
	env := newEnvironment(t)
	asked := source.FindQuery{NamePrefix: "/pay/", Tags: map[string]string{"team": "pay"}, MaxAge: time.Minute}
	env.find(t, asked)
	there := env.tagged(t, "/pay/there", "team", "pay")
	deleted := env.tagged(t, "/pay/deleted", "team", "pay")
	gone := env.tagged(t, "/pay/gone", "team", "pay")
	untagged := env.tagged(t, "/pay/untagged")
	for id, forced := range map[string]bool{deleted: false, gone: true} {
		if _, err := env.admin.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id, ForceDeleteWithoutRecovery: &forced}); err != nil {
			t.Fatal(err)
		}
	}
	env.Shift(time.Second) // The deletion by force goes on in the background.
	env.ResetCalls()
	asked.Known = versions(time.Now().Add(-time.Hour), there, deleted, gone, untagged)
	for range 2 {
		if diff := cmp.Diff([]string{"/pay/gone", "/pay/there"}, env.find(t, asked)); diff != "" {
			t.Error(diff)
		}
	}
	if env.Count("DescribeSecret") != 4 || env.Count("ListSecrets") != 0 {
		t.Errorf("%d DescribeSecret, %d ListSecrets, want each secret looked at once", env.Count("DescribeSecret"), env.Count("ListSecrets"))
	}
	env.SetFaults(localaws.Fault{Operation: "DescribeSecret", Every: 1})
	asked.MaxAge = 0
	if diff := cmp.Diff([]string{"/pay/there"}, env.find(t, source.FindQuery{NamePrefix: "/pay/", Tags: asked.Tags, Known: asked.Known[:1]})); diff != "" {
		t.Errorf("what the list has needs no look:\n%s", diff)
	}
	if found, err := env.source.Find(t.Context(), asked); source.KindOf(err) != source.RegionUnavailable {
		t.Errorf("%v, %v: nothing is dropped while AWS cannot tell", found, err)
	}
	env.SetFaults()
	env.now = env.now.Add(doubtLasts)
	if diff := cmp.Diff([]string{"/pay/there"}, env.find(t, asked)); diff != "" {
		t.Errorf("AWS has said for a while that one is not there:\n%s", diff)
	}
}

// The description of a secret as it was before it was found does not drop it.
func TestWhatWasFoundIsNotDroppedByAnOlderAnswer(t *testing.T) {
	env := newEnvironment(t)
	untagged := env.tagged(t, "/pay/untagged")
	asked := source.FindQuery{NamePrefix: "/pay/", Tags: map[string]string{"team": "pay"}, Known: versions(time.Now().Add(time.Hour), untagged)}
	for _, want := range [][]string{{"/pay/untagged"}, nil} {
		if diff := cmp.Diff(want, env.find(t, asked)); diff != "" {
			t.Errorf("found differs (-want +got):\n%s", diff)
		}
		env.now = env.now.Add(doubtLasts) // From here on AWS has said so for a while.
	}
}

func TestTooMuchIsFound(t *testing.T) {
	env := newEnvironment(t)
	for n := range source.MaxFound + 1 {
		env.tagged(t, fmt.Sprintf("many/%03d", n))
	}
	asked := source.FindQuery{NamePrefix: "many/"}
	_, err := env.source.Find(t.Context(), asked)
	if source.KindOf(err) != source.FindTooBroad || !strings.Contains(err.Error(), "find matches 101 secrets in "+localaws.DefaultRegion) ||
		!strings.Contains(err.Error(), "narrow it") {
		t.Errorf("%v", err)
	}
	asked.Allow = func(secret source.Found) bool { return secret.Name != "many/007" }
	if names := env.find(t, asked); len(names) != source.MaxFound {
		t.Errorf("%d found: what may not be had counts", len(names))
	}
	asked.NamePrefix = "many/00"
	if names := env.find(t, asked); len(names) != 9 {
		t.Errorf("found %v", names)
	}
}

func TestRefusedLooksExplainThemselves(t *testing.T) {
	env := newEnvironment(t)
	if _, err := env.source.Find(t.Context(), source.FindQuery{NamePattern: "(("}); source.KindOf(err) != source.Failed ||
		!strings.Contains(err.Error(), "spec.dataFrom[].find.namePattern") {
		t.Errorf("%v", err)
	}
	env.deny("ListSecrets")
	_, err := env.source.Find(t.Context(), source.FindQuery{NamePrefix: "a"})
	if source.KindOf(err) != source.AccessDenied {
		t.Fatal(err)
	}
	for _, mention := range []string{testReader + " may not secretsmanager:ListSecrets on *", "add a statement to a policy of this principal that allows secretsmanager:ListSecrets on *"} {
		if !strings.Contains(err.Error(), mention) {
			t.Errorf("%v does not mention %q", err, mention)
		}
	}
}

func budgeted(asked source.FindQuery) source.FindQuery {
	asked.Budget = pattern.NewBudget(context.Background(), pattern.PassSteps)
	return asked
}

func TestFiltersLeaveNothingOut(t *testing.T) {
	long := strings.Repeat("x", findText+1)
	for name, test := range map[string]struct {
		asked source.FindQuery
		want  []string
	}{
		"the longer of prefix and pattern": {source.FindQuery{NamePrefix: "/a", NamePattern: "/a/b/c.*"}, []string{"name=/a/b/c"}},
		"the longer of pattern and prefix": {source.FindQuery{NamePrefix: "/a/b/c", NamePattern: "/a/.*"}, []string{"name=/a/b/c"}},
		"a tag and its value":              {source.FindQuery{Tags: map[string]string{"team": "pay"}}, []string{"tag-key=team", "tag-value=pay"}},
		"a pattern without a beginning":    {source.FindQuery{NamePattern: ".*x"}, nil},
		"a pattern that ignores case":      {source.FindQuery{NamePattern: "(?i)abc"}, nil},
		"alternatives":                     {source.FindQuery{NamePattern: "ab|cd"}, nil},
		"texts that AWS does not take":     {source.FindQuery{NamePrefix: "!a", Tags: map[string]string{"ä": long, "a": ""}}, []string{"tag-key=a"}},
	} {
		wanted, err := criteriaOf(pattern.NewCache(), budgeted(test.asked))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, filter := range wanted.filters() {
			got = append(got, string(filter.Key)+"="+strings.Join(filter.Values, ","))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	tags := map[string]string{}
	for n := range 10 {
		tags[fmt.Sprint(n)] = "v"
	}
	if wanted, err := criteriaOf(pattern.NewCache(), source.FindQuery{NamePrefix: "a", Tags: tags}); err != nil || len(wanted.filters()) != findFilters {
		t.Errorf("%d filters, %v", len(wanted.filters()), err)
	}
}

// TestPatternsOfNamesAreBounded has patterns that are short and dear: one that is refused before it is compiled, and one
// that is matched against many names.
func TestPatternsOfNamesAreBounded(t *testing.T) {
	env := newEnvironment(t)
	for n := range 40 {
		env.tagged(t, fmt.Sprintf("/prod/%d/%s", n, strings.Repeat("x", 400)))
	}
	refused := func(what string, asked source.FindQuery, mention string) {
		t.Helper()
		_, err := env.source.Find(t.Context(), asked)
		if source.KindOf(err) != source.Failed || !strings.Contains(err.Error(), "spec.dataFrom[].find.namePattern") || !strings.Contains(err.Error(), mention) {
			t.Errorf("%s is refused with %v, which should mention %q", what, err, mention)
		}
	}
	refused("a program of 200,000 instructions", source.FindQuery{NamePattern: strings.Repeat(".{0,999}", 60)}, "instructions, and 2500 are the most")

	dear := budgeted(source.FindQuery{NamePattern: strings.Repeat(".{0,99}", 10) + "Z"})
	if found, err := env.source.Find(t.Context(), dear); err != nil || len(found) != 0 {
		t.Fatal(found, err)
	}
	spent := dear.Budget.Spent()
	if spent < 40*400*2000 || spent > matchSteps {
		t.Errorf("matching 40 names of 400 bytes against 2,000 instructions took %d steps", spent)
	}
	dear.Budget = pattern.NewBudget(t.Context(), spent/2)
	refused("a list that takes more than the pass has", dear, "matching the names of all secrets takes up to")
	other := budgeted(source.FindQuery{NamePattern: dear.NamePattern, MaxAge: time.Minute})
	if _, err := env.source.Find(t.Context(), other); err != nil || other.Budget.Spent() > spent/2 {
		t.Errorf("who asks the same meanwhile took %d steps and got %v", other.Budget.Spent(), err)
	}

	for n := range 60 {
		env.tagged(t, fmt.Sprintf("/prod/more/%d/%s", n, strings.Repeat("x", 400)))
	}
	refused("more names than one list may match", budgeted(source.FindQuery{NamePattern: dear.NamePattern}), ".{0,99}")
}
