package aws

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/identity"
	"github.com/secretsync/secretsync/hack/localaws"
)

// keyOf is an endpoint of an identity that a SecretSync may invent.
func keyOf(namespace string, n int) endpointKey {
	return endpointKey{identity.Actor{Identity: external(namespace, n)}, localaws.DefaultRegion}
}

// busyAt makes an endpoint with a question that waits.
func busyAt(t *testing.T, s *Source, key endpointKey) {
	t.Helper()
	if _, err := s.tenants.endpoint(key).bulkhead.Enter(t.Context(), false); err != nil {
		t.Fatal(err)
	}
}

// counts wants as many endpoints to be counted of namespaces as there are.
func counts(t *testing.T, s *Source, want int) {
	t.Helper()
	there := 0
	for namespace, kept := range s.tenants.known {
		if namespace != "" {
			there += len(kept.endpoints)
		}
	}
	if there != want || s.tenants.endpoints != want {
		t.Errorf("%d endpoints are kept and %d counted, want %d", there, s.tenants.endpoints, want)
	}
}

// Of all namespaces the endpoint goes that was used least recently, whatever its namespace.
func TestTheOldestEndpointOfAllNamespacesIsEvicted(t *testing.T) {
	p := newScripted(t)
	const namespaces = 12
	for n := range namespaces {
		p.now = p.now.Add(time.Millisecond)
		p.source.tenants.endpoint(keyOf(fmt.Sprint("team-", n), 0))
	}
	p.source.tenants.get("idle")              // It has no endpoint.
	p.source.tenants.endpoints = maxEndpoints // As if there were as many.
	for n := range namespaces {
		p.now = p.now.Add(time.Millisecond)
		p.source.tenants.endpoint(keyOf("another", n))
		if left := len(p.source.tenants.known[fmt.Sprint("team-", n)].endpoints); left != 0 || p.source.tenants.endpoints != maxEndpoints {
			t.Fatalf("the endpoint of team-%d is kept, of %d", n, p.source.tenants.endpoints)
		}
	}
}

// Where every endpoint has questions that wait, one more is made all the same.
func TestEndpointsThatAreAllAskedMakeRoomForNone(t *testing.T) {
	p := newScripted(t)
	for n := range maxEndpointsOfNamespace {
		busyAt(t, p.source, keyOf("team", n))
	}
	p.source.tenants.endpoint(keyOf("team", maxEndpointsOfNamespace))
	counts(t, p.source, maxEndpointsOfNamespace+1)
	busyAt(t, p.source, keyOf("team", maxEndpointsOfNamespace))
	p.source.tenants.endpoints = maxEndpoints
	p.source.tenants.endpoint(keyOf("other", 0))
	if got := len(p.source.tenants.known["team"].endpoints); got != maxEndpointsOfNamespace+1 {
		t.Errorf("%d endpoints of a namespace are left", got)
	}
}

// A ServiceAccount and an identity last as long as any of their endpoints: the session is got once, and that another one
// has the name now is noticed for each of them.
func TestAnIdentityLastsAsLongAsItsEndpoints(t *testing.T) {
	app := source.ServiceAccount{UID: "1", RoleARN: payRole}
	who := func(role string) identity.Actor {
		return identity.Actor{Identity: source.Identity{Namespace: "pay", ServiceAccount: "app", RoleARN: role}, Account: app}
	}
	p := newScripted(t)
	of := p.source.tenants.get("pay")
	p.source.tenants.acts(of, "app", app, false)
	p.source.tenants.acts(of, "other", app, false)
	stranger := identity.Actor{Identity: source.Identity{Namespace: "pay", ServiceAccount: "other"}, Account: app}
	keys := []endpointKey{{who(""), "eu-west-1"}, {who(""), "us-east-1"}, {who(hubRole), "eu-west-1"}, {stranger, "eu-west-1"}}
	for _, key := range keys {
		p.source.tenants.endpoint(key)
	}
	for n, want := range []struct {
		identities int
		acts       bool
	}{{3, true}, {2, true}, {1, false}, {0, false}} {
		p.source.tenants.evict(of, keys[n])
		_, acts := of.acting["app"]
		if _, stays := of.identities[keys[n].who]; len(of.identities) != want.identities || acts != want.acts || stays != (n == 0) {
			t.Errorf("without %d endpoints there are %d identities, and it is acted as: %v", n+1, len(of.identities), acts)
		}
		counts(t, p.source, len(keys)-n-1)
	}
}

// That a ServiceAccount is another one by now ends what was done as that one, and as no other of the namespace.
func TestAnotherServiceAccountEndsItsOwnSessionsAlone(t *testing.T) {
	p := newScripted(t)
	of := p.source.tenants.get("pay")
	var keys []endpointKey
	for _, name := range []string{"app", "web"} {
		account := source.ServiceAccount{UID: name, RoleARN: payRole}
		p.source.tenants.acts(of, name, account, false)
		keys = append(keys, endpointKey{identity.Actor{Identity: source.Identity{Namespace: "pay", ServiceAccount: name}, Account: account}, localaws.DefaultRegion})
		p.source.tenants.endpoint(keys[len(keys)-1])
	}
	p.source.tenants.acts(of, "app", source.ServiceAccount{UID: "2", RoleARN: payRole}, false)
	if of.endpoints[keys[0]] != nil || of.endpoints[keys[1]] == nil {
		t.Errorf("left are %d endpoints", len(of.endpoints))
	}
	p.source.tenants.acts(of, "app", source.ServiceAccount{}, true)
	if _, acts := of.acting["app"]; acts || len(of.acting) != 1 {
		t.Error("one that may not be acted as any more still is")
	}
}

// The operator's own identity is one for good, whichever of its regions are no longer read from.
func TestTheOperatorsOwnIdentityIsNotEvicted(t *testing.T) {
	p := newScripted(t)
	elsewhere := endpointKey{region: "us-east-1"}
	p.source.tenants.endpoint(elsewhere)
	p.now = p.now.Add(idleLasts + time.Second)
	p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
	own := p.source.tenants.get("")
	if own.endpoints[elsewhere] != nil {
		t.Error("a region that was not read from for long is kept")
	}
	p.now = p.now.Add(idleLasts + time.Second)
	p.source.tenants.endpoint(elsewhere)
	if own.endpoints[endpointKey{region: localaws.DefaultRegion}] == nil {
		t.Error("the operator's own region is evicted")
	}
	for key := range own.endpoints {
		p.source.tenants.evict(own, key)
	}
	p.now = p.now.Add(idleLasts + time.Second)
	p.source.tenants.tidy(p.now)
	if e := p.source.tenants.endpoint(elsewhere); e.who != p.source.provider.Own() || p.source.tenants.get("") != own {
		t.Error("the operator reads with another identity than its own")
	}
	counts(t, p.source, 0)
}

// Each step is how much later a question of the operator comes, and what is left then of a namespace whose endpoint was used
// at the beginning.
func TestWhatIsIdleIsEvictedInItsTime(t *testing.T) {
	p := newScripted(t)
	busyAt(t, p.source, keyOf("busy", 0))
	p.source.tenants.endpoint(keyOf("idle", 0))
	for _, step := range []struct {
		after     time.Duration
		endpoints int
		known     bool
	}{{idleLasts, 1, true}, {time.Minute - 1, 1, true}, {1, 0, false}} {
		p.now = p.now.Add(step.after)
		p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
		kept, known := p.source.tenants.known["idle"]
		if known != step.known || known && len(kept.endpoints) != step.endpoints || len(p.source.tenants.known["busy"].endpoints) != 1 {
			t.Errorf("%s later there is the namespace: %v, and what is asked: %v", step.after, known, len(p.source.tenants.known["busy"].endpoints))
		}
	}
	p.source.tenants.get("looked up")
	for _, known := range []bool{true, false} {
		p.now = p.now.Add(accountLasts)
		p.source.tenants.tidy(p.now)
		if _, is := p.source.tenants.known["looked up"]; is != known {
			t.Errorf("a namespace without endpoints is known: %v", is)
		}
	}
}

// However much the namespaces keep, the operator's own identity keeps what it may, and they have a bound together.
func TestNamespacesLeaveTheOperatorItsOwnRoom(t *testing.T) {
	const budget = 1000
	p := newScripted(t)
	p.source.options.ValueCacheBytes = budget
	p.source.tenants = newTenants(p.source)
	values, entries := 0, 0
	for n := range 10 {
		kept := p.source.tenants.get(fmt.Sprint("team-", n))
		if kept.values.Take(budget / valueParts) {
			values++
		}
		if kept.entries.Take(maxEntriesOfNamespace) {
			entries++
		}
	}
	if values != valueParts || entries != maxEntries/maxEntriesOfNamespace || maxEntries > 100_000 {
		t.Errorf("%d namespaces fill what is kept of values, %d what is kept of descriptions", values, entries)
	}
	own := p.source.tenants.get("")
	if !own.values.Take(budget) || own.values.Take(1) || !own.entries.Take(2*maxEntries) {
		t.Error("the operator has another bound than its own")
	}
}

// All that an endpoint keeps is counted as the namespace's, and given back with it.
func TestAnEvictedEndpointGivesAllBack(t *testing.T) {
	p := newScripted(t)
	e := p.source.tenants.endpoint(keyOf("team", 0))
	taken := func() int { return p.source.tenants.get("team").entries.Taken() }
	before := taken()
	denied := &source.Error{Kind: source.AccessDenied}
	_, err := e.byValue.Ask(t.Context(), valueKey{arn: "a"}, time.Hour, func(context.Context) (source.Fetched, error) { return source.Fetched{}, denied })
	if !errors.Is(err, denied) || taken() != before+1 {
		t.Errorf("%d more are taken for a refusal, %v", taken()-before, err)
	}
	_, err = e.finds.confirmed.Ask(t.Context(), confirmKey{arn: "a"}, time.Hour, func(context.Context) ([]source.Found, error) { return nil, nil })
	if err != nil || taken() != before+2 {
		t.Errorf("%d more are taken for a look, %v", taken()-before, err)
	}
	p.source.tenants.evict(p.source.tenants.get("team"), keyOf("team", 0))
	if taken() != 0 {
		t.Errorf("%d are taken by what was evicted", taken())
	}
}

// A refusal of the operator's credentials is forgotten by those who depend on them and want to know now, and by no one else.
func TestARefusalOfTheOperatorsCredentialsIsTheOperators(t *testing.T) {
	for name, test := range map[string]struct {
		who    source.Identity
		maxAge time.Duration
		kept   bool
	}{
		"the operator asks again":        {source.Identity{}, 0, false},
		"a role on top asks again":       {onTop(hubRole), 0, false},
		"a role on top polls":            {onTop(hubRole), time.Minute, true},
		"a ServiceAccount's asks again":  {account("pay"), 0, true},
		"the operator polls for a while": {source.Identity{}, time.Minute, true},
	} {
		p := newScriptedWithout(t, errors.New("no credentials"))
		p.source.options.ServiceAccounts = &accounts{T: t, roles: map[string]string{"pay/app": payRole}}
		own := p.source.provider.Own()
		if _, err := own.Config().Credentials.Retrieve(t.Context()); err == nil || own.Refused() == nil {
			t.Fatal("there are credentials")
		}
		if _, err := p.source.endpointOf(t.Context(), source.Ref{SecretID: "db", Identity: test.who}, test.maxAge); err != nil {
			t.Fatal(err)
		}
		if kept := own.Refused() != nil; kept != test.kept {
			t.Errorf("%s: the refusal is kept: %v", name, kept)
		}
	}
}
