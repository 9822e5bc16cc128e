package aws

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/identity"
)

// external is an identity as a SecretSync may invent any number of them: a role on top, with an external id.
func external(namespace string, n int) source.Identity {
	return source.Identity{Namespace: namespace, RoleARN: hubRole, ExternalID: fmt.Sprint("id-", n)}
}

// A namespace that uses ten thousand identities has its own evicted, those that were used least recently, and no other
// namespace's: others ask STS no more often by it.
func TestIdentitiesOfANamespaceEvictEachOtherAlone(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s, known := env.withAccounts(t, Options{})
	ask := func(who source.Identity) {
		t.Helper()
		if _, err := s.Resolve(t.Context(), as(who)); err != nil {
			t.Fatal(err)
		}
	}
	for _, who := range []source.Identity{{}, account("web"), external("hostile", 0)} {
		ask(who)
	}
	const many = 10_000
	for n := range many { // No call is made: what is kept does not depend on the answer.
		env.now = env.now.Add(time.Millisecond)
		s.tenants.endpoint(endpointKey{identity.Actor{Identity: external("hostile", n)}, s.config.Region})
	}
	if _, last := s.tenants.get("hostile").endpoints[endpointKey{identity.Actor{Identity: external("hostile", many-1)}, s.config.Region}]; !last {
		t.Error("the identity that was used last was evicted")
	}
	for n := range 2 * maxAccounts {
		name := fmt.Sprint("app-", n)
		known.roles["hostile/"+name] = payRole
		if _, err := s.endpointOf(t.Context(), source.Ref{Identity: source.Identity{Namespace: "hostile", ServiceAccount: name}}, 0); err != nil {
			t.Fatal(err)
		}
	}
	kept := s.tenants.get("hostile")
	accounts, _ := kept.accounts.Size()
	if len(kept.endpoints) != maxEndpointsOfNamespace || len(kept.identities) != maxEndpointsOfNamespace || accounts != maxAccounts {
		t.Errorf("%d endpoints of %d identities and %d ServiceAccounts are kept", len(kept.endpoints), len(kept.identities), accounts)
	}
	if got := len(kept.acting); got > maxEndpointsOfNamespace {
		t.Errorf("%d ServiceAccounts are acted as", got)
	}
	env.ResetCalls()
	looked := known.looked
	ask(source.Identity{})
	ask(account("web"))
	if env.Count("AssumeRoleWithWebIdentity") > 0 || known.looked != looked {
		t.Error("another namespace lost its session, or its ServiceAccount was looked up again")
	}
	ask(external("hostile", 0))
	if got := env.Count("AssumeRole"); got != 1 {
		t.Errorf("an identity that was evicted assumes its role %d times", got)
	}
}

// All namespaces together keep so many, and those that were used least recently go first.
func TestIdentitiesOfAllNamespacesAreBounded(t *testing.T) {
	env := newEnvironment(t)
	s := env.again(t, Options{})
	own := s.tenants.endpoint(endpointKey{region: s.config.Region})
	for n := range maxEndpoints + 100 {
		env.now = env.now.Add(time.Microsecond)
		s.tenants.endpoint(endpointKey{identity.Actor{Identity: external(fmt.Sprint("team-", n%100), n)}, s.config.Region})
	}
	if got := endpointsOf(s) - 1; got != maxEndpoints {
		t.Errorf("%d endpoints are kept, want %d", got, maxEndpoints)
	}
	if _, first := s.tenants.get("team-0").endpoints[endpointKey{identity.Actor{Identity: external("team-0", 0)}, s.config.Region}]; first || ownEndpoint(s) != own {
		t.Error("the oldest one is kept, or the operator's own is not")
	}
}

// An endpoint with questions that wait is not evicted: another one in its place would have a bulkhead of its own.
func TestAnEndpointThatIsAskedIsNotEvicted(t *testing.T) {
	env := newEnvironment(t)
	s := env.again(t, Options{})
	asked := endpointKey{identity.Actor{Identity: external("hostile", 0)}, s.config.Region}
	e := s.tenants.endpoint(asked)
	leave, err := e.bulkhead.Enter(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	evicted := func() bool {
		for n := range 2 * maxEndpointsOfNamespace {
			env.now = env.now.Add(time.Millisecond)
			s.tenants.endpoint(endpointKey{identity.Actor{Identity: external("hostile", n+1)}, s.config.Region})
		}
		return s.tenants.get("hostile").endpoints[asked] != e
	}
	if evicted() {
		t.Error("it was evicted")
	}
	leave()
	if !evicted() {
		t.Error("it is not evicted once no question waits")
	}
}

// The values that a namespace reads, by however many identities, take a part of what may be kept, and leave the others theirs.
func TestValuesOfANamespaceAreBounded(t *testing.T) {
	env := newEnvironment(t)
	const size, budget = 10_000, 1 << 20
	s := env.again(t, Options{ValueCacheBytes: budget})
	value := source.Fetched{Version: source.Version{ID: "v1"}, Value: source.TextValue(strings.Repeat("x", size))}
	read := func(who source.Identity, n int) {
		e := s.tenants.endpoint(endpointKey{identity.Actor{Identity: who}, s.config.Region})
		key := valueKey{fmt.Sprint(n), "v1", ""}
		_, _ = e.values.Ask(t.Context(), key, valueLasts, func(context.Context) (source.Fetched, error) { return value, nil })
	}
	for n := range 1000 {
		read(external("hostile", n%100), n)
	}
	for n := range 40 {
		read(external("other", 0), n)
		read(source.Identity{}, n)
	}
	for namespace, most := range map[string]int{"hostile": budget / valueParts, "other": budget / valueParts, "": budget} {
		kept, answers := 0, 0
		for _, e := range s.tenants.get(namespace).endpoints {
			more, cost := e.values.Size()
			kept += cost
			answers += more
		}
		if taken := s.tenants.get(namespace).values.Taken(); kept > most || answers < 20 || taken != kept {
			t.Errorf("namespace %q keeps %d values of %d bytes, and has %d bytes taken", namespace, answers, kept, taken)
		}
	}
	for _, e := range s.tenants.get("hostile").endpoints {
		e.clear()
	}
	if got := s.tenants.get("hostile").values.Taken(); got != 0 {
		t.Errorf("%d bytes are taken by what was evicted", got)
	}
}

// What was read of descriptions and lists is bounded for a namespace too, whatever it is kept in.
func TestDescriptionsAndListsOfANamespaceAreBounded(t *testing.T) {
	env := newEnvironment(t)
	s := env.again(t, Options{})
	listed := make([]source.Found, 3000)
	key := func(n int) endpointKey {
		return endpointKey{identity.Actor{Identity: external("hostile", n)}, s.config.Region}
	}
	for n := range 50 {
		e := s.tenants.endpoint(key(n))
		for i := range 1000 {
			e.newest.follow(fmt.Sprint(i), described{arn: fmt.Sprint("arn", i), changed: env.now})
			_, _ = e.described.Ask(t.Context(), fmt.Sprint(i), time.Hour, func(context.Context) (described, error) { return described{}, nil })
		}
		e.finds.breadths.learn(findKey{prefix: "a"}, listed, false)
		_, _ = e.finds.lists.Ask(t.Context(), findKey{prefix: "a"}, time.Hour, func(context.Context) ([]source.Found, error) { return listed, nil })
	}
	kept := func() (entries int) {
		for _, e := range s.tenants.get("hostile").endpoints {
			_, described := e.described.Size()
			_, lists := e.finds.lists.Size()
			entries += len(e.newest.recent) + len(e.newest.former) + described + lists + e.finds.breadths.found + len(e.finds.breadths.known)
		}
		return entries
	}
	taken := s.tenants.get("hostile").entries.Taken()
	if got := kept(); got > maxEntriesOfNamespace || got < maxEntriesOfNamespace/2 || got != taken {
		t.Errorf("%d entries are kept, %d are counted, and %d are the most", got, taken, maxEntriesOfNamespace)
	}
	for n := range 50 {
		s.tenants.mutex.Lock()
		s.tenants.evict(s.tenants.of("hostile"), key(n))
		s.tenants.mutex.Unlock()
	}
	if got := s.tenants.get("hostile").entries.Taken(); got != 0 {
		t.Errorf("%d entries are counted of what was evicted", got)
	}
}
