package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/pacing"
	"github.com/secretsync/secretsync/hack/localaws"
)

// ten SecretSyncs of 250 secrets each ask as an identity, four at a time each, as a poll does, and get that kind of refusal.
func (env *environment) tenAsk(t *testing.T, s *Source, who source.Identity, kind source.Kind) {
	t.Helper()
	var all sync.WaitGroup
	for n := range 10 {
		for part := range 4 {
			all.Go(func() {
				for i := range 250 / 4 {
					query := as(who)
					query.SecretID, query.MaxAge = fmt.Sprint("db-", n, "-", part, "-", i), 10*time.Second
					if _, err := s.Resolve(t.Context(), query); source.KindOf(err) != kind && source.KindOf(err) != source.Busy {
						t.Errorf("got %v", err)
					}
				}
			})
		}
	}
	all.Wait()
}

// A role that STS refuses costs a call now and then, however many ask as it.
func TestARefusalOfCredentialsIsSharedAndKept(t *testing.T) {
	gone := source.Identity{Namespace: "nowhere", ServiceAccount: "app"}
	for name, test := range map[string]struct {
		who  source.Identity
		kind source.Kind
		// calls of STS, looks at the ServiceAccount and tokens.
		sts, looks, tokens int
	}{
		"a role on top that is denied":             {onTop(hubRole), source.AssumeRoleDenied, 1, 0, 0},
		"a ServiceAccount's role that is denied":   {account("pay"), source.AssumeRoleDenied, 1, 1, 1},
		"an audience that IAM does not take":       {account("vault"), source.CredentialsUnavailable, 1, 1, 1},
		"a ServiceAccount that is not there":       {gone, source.CredentialsUnavailable, 0, 1, 0},
		"a chain whose first role is denied":       {source.Identity{Namespace: "pay", RoleARN: payRole, Via: hubRole}, source.AssumeRoleDenied, 1, 0, 0},
		"the operator's own role, which is denied": {source.Identity{}, source.AssumeRoleDenied, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			if test.who == (source.Identity{}) {
				env.irsa(t, valid(t))
			}
			env.SetRules(localaws.Rule{Deny: true, Action: "sts:*"})
			s, known := env.withAccounts(t, Options{Room: 1000})
			env.tenAsk(t, s, test.who, test.kind)
			sts := env.Count("AssumeRole") + env.Count("AssumeRoleWithWebIdentity")
			// One who asks just when a refusal comes may ask STS too.
			if sts > 4*test.sts || known.looked > test.looks || known.asked > 4*test.tokens || sts+known.looked == 0 {
				t.Errorf("STS was asked %d times, the ServiceAccount was looked up %d times, and had %d tokens made", sts, known.looked, known.asked)
			}
		})
	}
}

// A person who has corrected a policy and asks again has STS asked, and so has one who names another role or external id.
func TestARefusalOfCredentialsIsNoAnswerToANewQuestion(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.SetRules(localaws.Rule{Deny: true, Action: "sts:AssumeRole*"})
	s, known := env.withAccounts(t, Options{})
	ask := func(who source.Identity, maxAge time.Duration) error {
		query := as(who)
		query.MaxAge = maxAge
		_, err := s.Resolve(t.Context(), query)
		return err
	}
	for _, who := range []source.Identity{onTop(hubRole), account("pay")} {
		mustMention(t, ask(who, time.Minute), source.AssumeRoleDenied)
	}
	env.SetRules()
	mustMention(t, ask(onTop(hubRole), time.Minute), source.AssumeRoleDenied) // For a poll it will do.
	other := onTop(hubRole)
	other.ExternalID = "other"
	known.uids["pay/app"] = " 2"
	env.now = env.now.Add(time.Second)
	successor := as(account("pay"))
	successor.Reader.Since, successor.MaxAge = env.now, time.Minute
	_, byAnother := s.Resolve(t.Context(), successor)
	for what, err := range map[string]error{
		"a role on top, asked again": ask(onTop(hubRole), 0), "another external id": ask(other, time.Minute), "another ServiceAccount of the name": byAnother,
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := ask(onTop(hubRole), time.Minute); err != nil {
		t.Errorf("a refusal is kept after credentials were got: %v", err)
	}
}

// What only an edit ends is kept for others who ask the same; what may end by itself is not.
func TestWhichRefusalsAreKeptForOthers(t *testing.T) {
	for kind, want := range map[source.Kind]time.Duration{
		source.SecretNotFound: refusedLasts, source.VersionNotFound: refusedLasts, source.SecretPendingDeletion: refusedLasts, source.AccessDenied: refusedLasts,
		source.KMSAccessDenied: refusedLasts, source.DecryptionFailed: refusedLasts, source.Failed: refusedLasts,
		source.Throttled: 0, source.RegionUnavailable: 0, source.CredentialsUnavailable: 0, source.AssumeRoleDenied: 0, source.Busy: 0,
	} {
		if got := refusedFor(&source.Error{Kind: kind}); got != want {
			t.Errorf("%s is kept for %s", kind, got)
		}
	}
	if got := refusedFor(context.Canceled); got != 0 {
		t.Errorf("the end of a caller's context is kept for %s", got)
	}
}

// STS is paced where it throttles, for the namespace and the region, and other namespaces are not.
func TestSTSIsPaced(t *testing.T) {
	env := newEnvironment(t)
	env.SetFaults(localaws.Fault{Operation: "AssumeRole", Every: 1, Code: "ThrottlingException"})
	s := env.again(t, Options{})
	ask := func(namespace string, n int) error {
		query := as(external(namespace, n))
		_, err := s.Resolve(t.Context(), query)
		return err
	}
	mustMention(t, ask("hostile", 0), source.CredentialsUnavailable)
	pace := func(namespace string) *pacing.Pace {
		return s.tenants.get(namespace).sts.Of("AssumeRole", s.config.Region)
	}
	if !pace("hostile").Limited() || pace("other").Limited() || pace("").Limited() {
		t.Error("the namespace is not paced, or others are")
	}
	takeTurns(t, pace("hostile"), 10) // The clock stands still: once some turns are taken the next is too far off.
	for n := range 20 {
		mustMention(t, ask("hostile", n+1), source.Busy)
	}
	mustMention(t, ask("other", 0), source.CredentialsUnavailable)
	if got := env.Count("AssumeRole"); got != 2 {
		t.Errorf("%d calls were made", got)
	}
}

// A secret that is not there, or not for the reader, costs a call in each part of an interval that answers are shared for,
// however many follow it.
func TestARefusalOfASecretIsSharedAndKept(t *testing.T) {
	const followers, interval, rounds = 5000, 10 * time.Second, 3
	for name, test := range map[string]struct {
		denied []string
		kind   source.Kind
		calls  int
	}{
		"it is not there":                    {nil, source.SecretNotFound, 1},
		"it is not there, and not described": {[]string{"DescribeSecret"}, source.SecretNotFound, 2},
		"it is denied":                       {[]string{"DescribeSecret", "GetSecretValue", "BatchGetSecretValue"}, source.AccessDenied, 2},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			env.deny(test.denied...)
			for range rounds {
				for range followers {
					if _, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("missing"), MaxAge: interval}); source.KindOf(err) != test.kind {
						t.Fatal(err)
					}
				}
				env.now = env.now.Add(interval + time.Millisecond)
			}
			if got := len(env.Calls()); got > rounds*test.calls {
				t.Errorf("%d calls for %d questions in %d intervals", got, rounds*followers, rounds)
			}
		})
	}
}

// A secret that comes is noticed as soon as an answer must be newer than the refusal, and at once by a person who asks.
func TestASecretThatComesEndsTheRefusal(t *testing.T) {
	env := newEnvironment(t)
	ask := func(maxAge time.Duration) source.Kind {
		_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db"), MaxAge: maxAge})
		return source.KindOf(err)
	}
	if kind := ask(time.Hour); kind != source.SecretNotFound {
		t.Fatal(kind)
	}
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.now = env.now.Add(refusedLasts - time.Second)
	if kind := ask(time.Hour); kind != source.SecretNotFound || len(env.Calls()) > 0 {
		t.Errorf("%q after %d calls: a refusal is not shared", kind, len(env.Calls()))
	}
	if kind := ask(time.Second); kind != "" {
		t.Errorf("an answer that has to be newer is %q", kind)
	}
	if kind := ask(time.Hour); kind != "" {
		t.Errorf("the refusal is kept beside the answer: %q", kind)
	}
}

// cutting closes the connection of the first calls on this side, as the SDK may.
type cutting struct {
	client interface {
		Do(*http.Request) (*http.Response, error)
	}
	cuts  atomic.Int32
	tries atomic.Int32
}

func (c *cutting) Do(request *http.Request) (*http.Response, error) {
	c.tries.Add(1)
	if c.cuts.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: net.ErrClosed}
	}
	return c.client.Do(request)
}

// A connection that was closed on this side is no outage of the region: the call is made once more, at once, and no more often.
func TestACallWhoseConnectionWasClosedHereIsMadeOnceMore(t *testing.T) {
	for name, test := range map[string]struct {
		cuts, tries int32
		who         source.Identity
		kind        source.Kind
	}{
		"none":               {0, 1, source.Identity{}, ""},
		"one":                {1, 2, source.Identity{}, ""},
		"two":                {2, 2, source.Identity{}, source.RegionUnavailable},
		"one that is of STS": {1, 3, onTop(hubRole), ""},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
			client := &cutting{client: http.DefaultClient}
			s := env.again(t, Options{LoadOptions: []func(*config.LoadOptions) error{config.WithHTTPClient(client)}})
			client.cuts.Store(test.cuts)
			_, err := s.Resolve(t.Context(), as(test.who))
			if source.KindOf(err) != test.kind || client.tries.Load() != test.tries {
				t.Errorf("%d tries, %v", client.tries.Load(), err)
			}
			if err != nil && !errors.Is(err, net.ErrClosed) && test.kind == "" {
				t.Error(err)
			}
		})
	}
}
