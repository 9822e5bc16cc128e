package aws

import (
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/identity"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

const (
	// maxEndpointsOfNamespace is how many endpoints are kept for one namespace, and maxEndpoints for all: each is an
	// identity, which a SecretSync may invent, in a region. They take some 12,000 bytes each, besides what is read with them.
	maxEndpointsOfNamespace, maxEndpoints = 64, 4000
	// maxAccounts bounds the ServiceAccounts of a namespace that are known as they were looked up: some 300 bytes each.
	maxAccounts = 256
	// maxEntriesOfNamespace and maxEntries bound what is kept of descriptions and lists for identities other than the
	// operator's own: some 500 bytes each.
	maxEntriesOfNamespace, maxEntries = 20_000, 100_000
	// valueParts is how many namespaces can fill what is kept of values for identities other than the operator's own.
	valueParts = 4
)

// tenants have what is kept for each namespace: the sessions of its identities, and what was read with them. A namespace
// that uses many identities has its own evicted, those that were used least recently first, and no other namespace's.
// The operator's own identity has the place of a namespace without a name, and is not evicted.
type tenants struct {
	s *Source
	// values are for the values of the namespaces, in bytes, entries for descriptions and lists.
	values, entries *sharing.Allowance

	mutex sync.Mutex
	known map[string]*tenant
	// endpoints is how many are kept for namespaces.
	endpoints int
	// tidied is when what was not used for long was evicted last.
	tidied time.Time
}

// tenant is what is kept for one namespace. The mutex of tenants guards it.
type tenant struct {
	namespace string
	// accounts are its ServiceAccounts as they were looked up lately, acting those that identities and endpoints are of.
	accounts   *sharing.Cache[string, source.ServiceAccount]
	acting     map[string]source.ServiceAccount
	identities map[identity.Actor]*identity.Identity
	endpoints  map[endpointKey]*endpoint
	sts        *identity.STSPaces
	// values and entries are its parts of what may be kept; no entries means without a bound for all endpoints together.
	values, entries *sharing.Share
	used            time.Time
}

func newTenants(s *Source) *tenants {
	values := s.options.ValueCacheBytes
	return &tenants{
		s: s, known: map[string]*tenant{},
		values:  sharing.NewAllowance(values, values/valueParts),
		entries: sharing.NewAllowance(maxEntries, maxEntriesOfNamespace),
	}
}

// of is what is kept for a namespace. The mutex must be held.
func (t *tenants) of(namespace string) *tenant {
	kept := t.known[namespace]
	if kept == nil {
		kept = &tenant{
			namespace: namespace, acting: map[string]source.ServiceAccount{}, identities: map[identity.Actor]*identity.Identity{}, endpoints: map[endpointKey]*endpoint{},
			accounts: newAccounts(t.s.options.Now), sts: identity.NewSTSPaces(t.s.options.Now),
			values: t.values.NewShare(), entries: t.entries.NewShare(),
		}
		if namespace == "" {
			own := t.s.options.ValueCacheBytes
			kept.values, kept.entries = sharing.NewAllowance(own, own).NewShare(), nil
			kept.identities[identity.Actor{}] = t.s.provider.Own()
		}
		t.known[namespace] = kept
	}
	kept.used = t.s.options.Now()
	return kept
}

// get is what is kept for a namespace, for one who does not hold the mutex.
func (t *tenants) get(namespace string) *tenant {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.of(namespace)
}

// endpoint is the one of an identity and a region, made at its first use.
func (t *tenants) endpoint(key endpointKey) *endpoint {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	now, of := t.s.options.Now(), t.of(key.who.Namespace)
	t.tidy(now)
	e := of.endpoints[key]
	if e == nil {
		if of.namespace != "" {
			t.makeRoom(of)
			t.endpoints++
		}
		e = newEndpoint(t.s, of, key)
		of.endpoints[key] = e
	}
	e.used = now
	return e
}

// identityOf is the identity of an actor, made at its first use. The mutex must be held.
func (t *tenant) identityOf(p *identity.Provider, who identity.Actor) *identity.Identity {
	known := t.identities[who]
	if known == nil {
		known = p.New(who)
		t.identities[who] = known
	}
	return known
}

// makeRoom evicts endpoints where as many are kept as may be. Those with queries that wait stay, with their bulkhead.
func (t *tenants) makeRoom(of *tenant) {
	if len(of.endpoints) >= maxEndpointsOfNamespace {
		t.evictOldest(of)
	}
	if t.endpoints < maxEndpoints {
		return
	}
	var oldest *tenant
	var since time.Time
	for _, kept := range t.known {
		if key, is := kept.oldest(); is && kept.namespace != "" {
			if used := kept.endpoints[key].used; oldest == nil || used.Before(since) {
				oldest, since = kept, used
			}
		}
	}
	if oldest != nil {
		t.evictOldest(oldest)
	}
}

func (t *tenants) evictOldest(of *tenant) {
	if key, is := of.oldest(); is {
		t.evict(of, key)
	}
}

// oldest is the endpoint that was used least recently of those that no query waits for.
func (t *tenant) oldest() (oldest endpointKey, is bool) {
	for key, e := range t.endpoints {
		if e.bulkhead.Waiting() == 0 && (!is || e.used.Before(t.endpoints[oldest].used)) {
			oldest, is = key, true
		}
	}
	return oldest, is
}

// evict lets go of an endpoint, of all that was read there, and of the identity and the ServiceAccount that have no other.
func (t *tenants) evict(of *tenant, key endpointKey) {
	e := of.endpoints[key]
	delete(of.endpoints, key)
	if of.namespace != "" {
		t.endpoints--
	}
	e.clear()
	identityUsed, accountUsed := key.who == identity.Actor{}, false
	for other := range of.endpoints {
		identityUsed = identityUsed || other.who == key.who
		accountUsed = accountUsed || other.who.ServiceAccount == key.who.ServiceAccount
	}
	if !identityUsed {
		delete(of.identities, key.who)
	}
	if !accountUsed {
		delete(of.acting, key.who.ServiceAccount)
	}
}

// acts notes as whom a ServiceAccount acts, and ends all that was done as another one of its name; none says that it may
// no longer be acted as.
func (t *tenants) acts(of *tenant, name string, account source.ServiceAccount, none bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if known, is := of.acting[name]; is && known != account {
		for key := range of.endpoints {
			if key.who.ServiceAccount == name {
				t.evict(of, key)
			}
		}
	}
	if none {
		delete(of.acting, name)
		return
	}
	of.acting[name] = account
}

// tidy evicts what has not been used for long. The operator's own region stays.
func (t *tenants) tidy(now time.Time) {
	if now.Sub(t.tidied) < time.Minute {
		return
	}
	t.tidied = now
	for namespace, kept := range t.known {
		for key, e := range kept.endpoints {
			own := namespace == "" && key.region == t.s.config.Region
			if !own && e.bulkhead.Waiting() == 0 && now.Sub(e.used) > idleLasts {
				t.evict(kept, key)
			}
		}
		if namespace != "" && len(kept.endpoints) == 0 && now.Sub(kept.used) > accountLasts {
			delete(t.known, namespace)
		}
	}
}
