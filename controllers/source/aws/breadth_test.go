package aws

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
	"github.com/secretsync/secretsync/hack/localaws"
)

// endlessList is a Secrets Manager whose list has no end, with a secret that matches on each page. It counts pages.
func endlessList(t *testing.T) (pages *atomic.Int64, s *Source, now *time.Time) {
	t.Helper()
	pages = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = fmt.Fprintf(w, `{"SecretList": [{"Name": "db", "ARN": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf"}], "NextToken": "page-%d"}`, pages.Add(1))
	}))
	t.Cleanup(server.Close)
	isolate(t, server.URL)
	moment := time.Now()
	s, err := New(t.Context(), Options{Region: localaws.DefaultRegion, Now: func() time.Time { return moment }})
	if err != nil {
		t.Fatal(err)
	}
	return pages, s, &moment
}

func tooBroad(t *testing.T, s *Source, asked source.FindQuery, mention ...string) {
	t.Helper()
	_, err := s.Find(t.Context(), asked)
	mustMention(t, err, source.FindTooBroad, mention...)
	if refused, ok := errors.AsType[*source.Error](err); !ok || refused.RetryAfter != 10*time.Minute {
		t.Errorf("the next look is after %s", refused.RetryAfter)
	}
}

// Fifty calls are not made again at each poll, nor by each who asks the same.
func TestAFindThatIsTooBroadIsSharedAndLookedAtRarely(t *testing.T) {
	pages, s, now := endlessList(t)
	poll := source.FindQuery{NamePrefix: "d", MaxAge: 500 * time.Millisecond, Routine: true}
	for range 200 { // A quarter of an hour of polls at 5s.
		tooBroad(t, s, poll, "more than 5000 secrets in eu-west-1", "namePrefix", "spec.dataFrom[].find")
		*now = now.Add(5 * time.Second)
	}
	if got := pages.Load(); got != 2*findPages {
		t.Errorf("%d pages were listed, want %d", got, 2*findPages)
	}
	other := poll
	other.NamePrefix = "db"
	tooBroad(t, s, other)
	if got := pages.Load(); got != 3*findPages {
		t.Errorf("another find was not looked at: %d pages", got)
	}
	poll.MaxAge, poll.Routine = 0, false // A user has asked for a refresh.
	tooBroad(t, s, poll)
	if got := pages.Load(); got != 4*findPages {
		t.Errorf("a refresh did not look: %d pages", got)
	}
}

func TestTooManyMatchesAreSharedAndLookedAtRarely(t *testing.T) {
	env := newEnvironment(t)
	known := []source.Version{{ARN: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:many/gone-AbCdEf"}}
	for n := range source.MaxFound + 1 {
		arn := env.tagged(t, fmt.Sprintf("many/%03d", n))
		if n < 5 {
			known = append(known, source.Version{ARN: arn})
		}
	}
	poll := source.FindQuery{NamePrefix: "many/", MaxAge: 500 * time.Millisecond, Known: known}
	for range 100 {
		tooBroad(t, env.source, poll, "find matches 101 secrets")
		env.now = env.now.Add(5 * time.Second)
	}
	if list, describe := env.Count("ListSecrets"), env.Count("DescribeSecret"); list != 2 || describe != 0 {
		t.Errorf("%d ListSecrets and %d DescribeSecret, want the two pages of one look", list, describe)
	}
	// Who may have fewer of them follows AWS as ever.
	poll.Allow, poll.Known = func(secret source.Found) bool { return secret.Name < "many/050" }, nil
	if names := env.find(t, poll); len(names) != 50 {
		t.Errorf("%d found", len(names))
	}
	env.tagged(t, "many/0")
	env.now = env.now.Add(5 * time.Second)
	if names := env.find(t, poll); len(names) != 51 {
		t.Errorf("%d found", len(names))
	}
}

// What is narrow again is followed at once.
func TestAFindThatIsNoLongerTooBroadIsForgottenToBeSo(t *testing.T) {
	b := &breadths{now: time.Now}
	key := findKey{prefix: "a"}
	b.learn(key, nil, true)
	if _, known := b.recall(key); !known {
		t.Error("it was not kept")
	}
	b.learn(key, make([]source.Found, 3), false)
	if _, known := b.recall(key); known || b.found != 0 {
		t.Error("it was not forgotten")
	}
	for n := range 3 * maxBroad {
		b.learn(findKey{prefix: fmt.Sprint(n)}, make([]source.Found, source.MaxFound+1), false)
	}
	if len(b.known) > maxBroad || b.found > maxBroadFound || b.found != len(b.known)*(source.MaxFound+1) {
		t.Errorf("%d are kept, of %d secrets", len(b.known), b.found)
	}
}

func TestAdviceNamesWhatAWSDoesNotFilterBy(t *testing.T) {
	const compared = "which is compared after all is listed"
	for name, test := range map[string]struct {
		asked           source.FindQuery
		mention, absent string
	}{
		"a tag of other letters":       {source.FindQuery{Tags: map[string]string{"größe": "l", "team": "pay"}}, `not so of tag "größe", ` + compared, `"team"`},
		"a value of other letters":     {source.FindQuery{Tags: map[string]string{"stadt": "Köln"}}, `not so of tag "stadt", ` + compared, ""},
		"a value that begins with !":   {source.FindQuery{Tags: map[string]string{"team": "!pay"}}, `not so of tag "team"`, ""},
		"tags that AWS filters by":     {source.FindQuery{Tags: map[string]string{"team": "pay", "none": ""}}, "or by tags, in spec.dataFrom[].find", compared},
		"a prefix of other letters":    {source.FindQuery{NamePrefix: "!x"}, "does not take a beginning of other characters", compared},
		"a prefix that AWS filters by": {source.FindQuery{NamePrefix: "/prod/"}, "by a longer beginning of the names", "other characters"},
		"no prefix":                    {source.FindQuery{NamePattern: ".*x"}, "or by tags, in spec.dataFrom[].find", "other characters"},
	} {
		wanted, err := criteriaOf(pattern.NewCache(), budgeted(test.asked))
		if err != nil {
			t.Fatal(err)
		}
		if got := wanted.lengthAdvice(); !strings.Contains(got, test.mention) || test.absent != "" && strings.Contains(got, test.absent) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := (criteria{tags: map[string]string{strings.Repeat("ä", 1000): ""}}).lengthAdvice(); len(got) > 600 {
		t.Errorf("the advice about a long tag has %d bytes", len(got))
	}
	for size, want := range map[int]bool{0: false, findText: true, findText + 1: false} {
		if sendable(strings.Repeat("x", size)) != want {
			t.Errorf("a text of %d bytes is sent: %v", size, !want)
		}
	}
}

// What is kept of others' finds is bounded in number and in secrets, and none is lost for no reason.
func TestFindsThatAreTooBroadAreBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	b := &breadths{now: func() time.Time { return now }}
	key := func(n int) findKey { return findKey{prefix: fmt.Sprint(n)} }
	learn := func(n, found int) { b.learn(key(n), make([]source.Found, found), found == 0) }
	wants := func(what string, known, found int) {
		t.Helper()
		if len(b.known) != known || b.found != found {
			t.Errorf("%s: %d finds of %d secrets are kept, want %d of %d", what, len(b.known), b.found, known, found)
		}
	}
	learn(0, source.MaxFound)
	wants("one that is not too broad", 0, 0)
	for n := range maxBroad {
		learn(n, 0)
	}
	wants("as many as may be", maxBroad, 0)
	learn(-1, 0)
	wants("one more", maxBroad, 0)
	now = now.Add(broadLasts)
	if _, known := b.recall(key(-1)); known {
		t.Error("one is kept for longer than its time")
	}
	wants("one that has ended and was asked for", maxBroad-1, 0)
	const each = maxBroadFound / 100
	learn(0, each)
	wants("one, after all others have ended", 1, each)
	for n := range 100 {
		learn(n, each)
	}
	wants("as many secrets as may be", 100, maxBroadFound)
	learn(100, each)
	wants("more secrets", 100, maxBroadFound)
}

// What is let go of gives the namespace its part back, and an endpoint that is let go of takes none any more.
func TestFindsThatAreLetGoOfGiveTheirPartBack(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	b := &breadths{now: func() time.Time { return now }, share: sharing.NewAllowance(1000, 1000).NewShare()}
	learn := func(prefix string) { b.learn(findKey{prefix: prefix}, make([]source.Found, 200), false) }
	for _, prefix := range []string{"a", "b", "b"} {
		learn(prefix)
	}
	if b.share.Taken() != 402 || len(b.known) != 2 {
		t.Errorf("%d finds take %d", len(b.known), b.share.Taken())
	}
	b.clear()
	learn("c")
	if b.share.Taken() != 0 || len(b.known) != 0 || b.found != 0 {
		t.Errorf("after all was let go of %d finds of %d secrets take %d", len(b.known), b.found, b.share.Taken())
	}
}

// Who may have fewer takes nothing out of what is kept for others.
func TestAListThatIsTooBroadIsTheSameForAll(t *testing.T) {
	var listed breadth
	for n := range 3 * source.MaxFound {
		listed.found = append(listed.found, source.Found{Name: fmt.Sprintf("%03d", n)})
	}
	f := &finds{e: &endpoint{region: localaws.DefaultRegion}}
	for _, allow := range []func(source.Found) bool{
		func(secret source.Found) bool { return secret.Name >= "200" }, func(secret source.Found) bool { return secret.Name < "100" },
		func(secret source.Found) bool { return secret.Name >= "200" },
	} {
		if err := f.tooBroad(listed, source.FindQuery{Allow: allow}, criteria{}); err != nil {
			t.Error(err)
		}
	}
	mustMention(t, f.tooBroad(listed, source.FindQuery{Allow: func(secret source.Found) bool { return secret.Name >= "050" }}, criteria{}),
		source.FindTooBroad, "matches 250 secrets")
}
