package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

const otherARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/payments/cache-z9Y8x7"

// lists has AWS list secrets, each as its name and its ARN.
func (p *scriptedAWS) lists(entries ...[2]string) {
	all := make([]string, 0, len(entries))
	for _, pair := range entries {
		all = append(all, fmt.Sprintf(`{"Name":%q,"ARN":%q}`, pair[0], pair[1]))
	}
	p.answers[listSecrets] = `{"SecretList":[` + strings.Join(all, ",") + `]}`
}

// finds gives the ARNs of what is found.
func (p *scriptedAWS) finds(asked source.FindQuery) (arns []string) {
	p.Helper()
	found, err := p.source.Find(p.Context(), asked)
	if err != nil {
		p.Fatal(err)
	}
	for _, secret := range found {
		arns = append(arns, secret.ARN)
	}
	return arns
}

// wantFound wants those ARNs to be found.
func (p *scriptedAWS) wantFound(what string, asked source.FindQuery, want ...string) {
	p.Helper()
	if diff := cmp.Diff(want, p.finds(asked)); diff != "" {
		p.Errorf("%s: found differs (-want +got):\n%s", what, diff)
	}
}

func known(arns ...string) source.FindQuery {
	return source.FindQuery{NamePrefix: "/prod/", Known: versions(date(2), arns...)}
}

// What is found comes by name, and what has one name, as a secret and its successor, by ARN.
func TestWhatIsFoundIsSorted(t *testing.T) {
	p := newScripted(t)
	p.lists([2]string{"/b", "arn:1"}, [2]string{"/a", "arn:3"}, [2]string{"/a", "arn:2"})
	p.wantFound("three", source.FindQuery{NamePrefix: "/"}, "arn:2", "arn:3", "arn:1")
}

// AWS is asked for full pages, and for no more than it takes to find what is wanted.
func TestAListIsAskedForWhatIsWanted(t *testing.T) {
	p := newScripted(t)
	p.lists()
	p.wantFound("nothing", source.FindQuery{NamePrefix: "/prod/"})
	want := []string{`ListSecrets {"Filters":[{"Key":"name","Values":["/prod/"]}],"MaxResults":100}`}
	if diff := cmp.Diff(want, p.sent); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
}

// Calls say on whose behalf they are made, and are counted for their region.
func TestALookIsMadeForWhoAsks(t *testing.T) {
	env := newEnvironment(t)
	asked := source.FindQuery{NamePrefix: "/prod/", MaxAge: time.Minute, Reader: source.Reader{Namespace: "payments", Name: "db"}}
	env.find(t, asked)
	calls := env.Calls()
	asked.Known = versions(date(1), env.tagged(t, "/prod/there")) // The list of before lacks it.
	if diff := cmp.Diff([]string{"/prod/there"}, env.find(t, asked)); diff != "" {
		t.Error(diff)
	}
	calls = append(calls, env.Calls()...)
	for n, operation := range []string{listSecrets, describeSecret} {
		if got := calls[n]; got.Operation != operation || !strings.Contains(got.UserAgent, "kubernetes-secretsync/db") || len(calls) != 2 {
			t.Errorf("%d calls, of which one is %s by %s", len(calls), got.Operation, got.UserAgent)
		}
		if got := env.counted(t, operation, "ok", localaws.DefaultRegion); got != 1 {
			t.Errorf("%v calls of %s are counted for the region", got, operation)
		}
	}
}

// That a secret can't be looked at names it, and the region.
func TestARefusedLookNamesTheSecret(t *testing.T) {
	p := newScripted(t)
	p.lists()
	p.denied = true
	_, err := p.source.Find(t.Context(), known(benchARN))
	mustMention(t, err, source.AccessDenied, benchARN)
	p.denied = false
	p.answers[describeSecret] = `{"__type":"ThrottlingException","Message":"no"}`
	_, err = p.source.Find(t.Context(), known(benchARN))
	mustMention(t, err, source.Throttled, localaws.DefaultRegion)
	p.now = p.now.Add(time.Minute)
	p.answers[listSecrets] = p.answers[describeSecret]
	_, err = p.source.Find(t.Context(), known())
	mustMention(t, err, source.Throttled, "ListSecrets in "+localaws.DefaultRegion)
}

// What may not be given to who asks is not given because it was known before either.
func TestAKnownSecretIsGivenByTheRulesOfToday(t *testing.T) {
	p := newScripted(t)
	p.lists()
	p.says(3, "AWSCURRENT=v1")
	asked := known(benchARN)
	p.wantFound("without rules", asked, benchARN)
	asked.Allow = func(secret source.Found) bool { return secret.Tag.Present }
	p.wantFound("by the rules", asked)
}

// A secret that stays until it is certain that it does not match is given in full, with the tag that says who may have it.
func TestASecretInDoubtIsGivenInFull(t *testing.T) {
	p := newScripted(t)
	p.lists()
	p.answers[describeSecret] = `{"ARN":"` + benchARN + `","Name":"` + scriptedID + `","LastChangedDate":1,"Tags":[{"Key":"` + source.TagNamespaces + `","Value":"pay"}]}`
	asked := known(benchARN)
	asked.Tags = map[string]string{"team": "pay"}
	found, err := p.source.Find(t.Context(), asked)
	want := []source.Found{{ARN: benchARN, Name: scriptedID, Region: localaws.DefaultRegion, Tag: source.Tag{Present: true, Value: "pay"}}}
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Errorf("%v; found differs (-want +got):\n%s", err, diff)
	}
}

// How long AWS has said that one secret is not there counts for that secret and that find alone, and ends once it is there.
func TestALostSecretIsDoubtedByItself(t *testing.T) {
	p := newScripted(t)
	p.lists()
	p.lacks()
	narrower := known(benchARN)
	narrower.NamePrefix = "/prod/pay"
	p.wantFound("one that is away", known(benchARN), benchARN)
	p.now = p.now.Add(doubtLasts - 1)
	p.wantFound("another one", known(otherARN), otherARN)
	p.wantFound("by another find", narrower, benchARN)
	p.now = p.now.Add(1)
	p.wantFound("after a while", known(benchARN))
	p.wantFound("another one, a moment later", known(otherARN), otherARN)
	p.wantFound("by another find, a moment later", narrower, benchARN)
	p.says(2, "AWSCURRENT=v1")
	p.wantFound("once it is back", known(benchARN), benchARN)
	p.lacks()
	p.wantFound("once it is away again", known(benchARN), benchARN)
}

// A date proves that a secret does not match any more where it is of the same region, and the answer the newest.
func TestWhatProvesThatASecretDoesNotMatch(t *testing.T) {
	for name, test := range map[string]struct {
		region string
		before float64
		kept   bool
	}{
		"a newer description":                      {localaws.DefaultRegion, 0, false},
		"one that is older than another":           {localaws.DefaultRegion, 5, true},
		"one that is newer than a region's it was": {"us-east-1", 0, true},
	} {
		p := newScripted(t)
		p.lists()
		if test.before > 0 {
			p.says(test.before, "AWSCURRENT=v1")
			p.want("another question", "v1", false, source.VersionQuery{Ref: source.Ref{SecretID: benchARN}})
		}
		p.says(3, "AWSCURRENT=v1")
		asked := known(benchARN)
		asked.Tags, asked.Known[0].Region = map[string]string{"team": "pay"}, test.region
		if kept := len(p.finds(asked)) == 1; kept != test.kept {
			t.Errorf("%s: the secret is kept: %v", name, kept)
		}
	}
}

// Secrets that a list lacks count among those that are too many.
func TestKnownSecretsCountAmongThoseThatAreTooMany(t *testing.T) {
	p := newScripted(t)
	entries := make([][2]string, 0, source.MaxFound)
	for n := range source.MaxFound {
		entries = append(entries, [2]string{fmt.Sprint("/prod/", n), fmt.Sprint("arn:", n)})
	}
	p.lists(entries...)
	p.says(3, "AWSCURRENT=v1")
	tooBroad(t, p.source, known(benchARN), "find matches 101 secrets")
	p.lists(entries[1:]...)
	if got := len(p.finds(known(benchARN))); got != source.MaxFound {
		t.Errorf("%d are found", got)
	}
}

// Trouble is no sign that a find is narrow by now.
func TestAFindStaysTooBroadThroughTrouble(t *testing.T) {
	p := newScripted(t)
	entries := make([][2]string, 0, source.MaxFound+1)
	for n := range source.MaxFound + 1 {
		entries = append(entries, [2]string{fmt.Sprint("/prod/", n), fmt.Sprint("arn:", n)})
	}
	p.lists(entries...)
	poll := source.FindQuery{NamePrefix: "/prod/", MaxAge: time.Second}
	tooBroad(t, p.source, poll)
	p.answers[listSecrets] = `{"__type":"InternalServiceError","Message":"no"}`
	if _, err := p.source.Find(t.Context(), source.FindQuery{NamePrefix: "/prod/"}); source.KindOf(err) != source.RegionUnavailable {
		t.Fatal(err)
	}
	p.now, p.sent = p.now.Add(time.Minute), nil
	tooBroad(t, p.source, poll)
	if len(p.sent) != 0 {
		t.Errorf("calls are %v", p.sent)
	}
}

// Lists, and looks at what they lack, serve others for a minute at most, however old an answer they take, and are counted.
func TestListsServeForAMinuteAtMost(t *testing.T) {
	p := newScripted(t)
	p.lists([2]string{"/prod/a", "arn:a"}, [2]string{"/prod/b", "arn:b"})
	p.says(3, "AWSCURRENT=v1")
	asked := known(benchARN)
	asked.MaxAge = time.Hour
	for _, step := range []struct {
		after time.Duration
		calls int
	}{{0, 2}, {foundLasts - 1, 2}, {1, 4}} {
		p.now = p.now.Add(step.after)
		if got := p.finds(asked); len(got) != 3 || len(p.sent) != step.calls {
			t.Errorf("%s later %d are found by %d calls", step.after, len(got), len(p.sent))
		}
	}
	_, lists := ownEndpoint(p.source).finds.lists.Size()
	_, confirmed := ownEndpoint(p.source).finds.confirmed.Size()
	if lists != 3 || confirmed != 1 || foundLasts > time.Minute {
		t.Errorf("%d and %d are counted", lists, confirmed)
	}
}

// Matching the names of secrets that a list lacks is paid for by the pass as well, and ends with it.
func TestLooksAreMatchedWithinABudget(t *testing.T) {
	p := newScripted(t)
	p.lists()
	p.says(3, "AWSCURRENT=v1")
	spent := func(arns ...string) int64 {
		asked := budgeted(source.FindQuery{NamePattern: "/prod/.*", Known: versions(date(2), arns...)})
		p.finds(asked)
		return asked.Budget.Spent()
	}
	spent() // From here on the pattern is compiled.
	without := spent()
	if with := spent(benchARN); with <= without {
		t.Errorf("%d steps are paid for with a look, and %d without", with, without)
	}
	wanted, err := criteriaOf(pattern.NewCache(), budgeted(source.FindQuery{NamePattern: "/prod/.*"}))
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	f := ownEndpoint(p.source).finds
	if found, err := f.confirm(t.Context(), source.FindQuery{}, wanted.within(ended), source.Version{ARN: benchARN}); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v, %v", found, err)
	}
}
