package aws

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// accountLasts is how long a ServiceAccount counts as it was looked up: for as long its role reads on once the
	// ServiceAccount is deleted, or names another role.
	accountLasts = time.Minute
	// maxAccounts bounds the ServiceAccounts that are known: some 300 bytes each, so 3 MB at most.
	maxAccounts = 10_000
)

// actor is an identity, and the ServiceAccount that had its name when it was looked up: whatever one could read is not
// for another one of that name.
type actor struct {
	source.Identity
	account source.ServiceAccount
}

// accountKey names a ServiceAccount.
type accountKey struct{ namespace, name string }

func actsFor(who source.Identity) accountKey { return accountKey{who.Namespace, who.ServiceAccount} }

// actorOf looks up who an identity is, unless that is known of less than a minute ago, and since the reader came.
func (s *Source) actorOf(ctx context.Context, ref source.Ref) (actor, error) {
	who := ref.Identity
	if who.OperatorsOwn() {
		return actor{Identity: who}, nil
	}
	if s.options.ServiceAccounts == nil {
		return actor{}, &source.Error{Kind: source.CredentialsUnavailable,
			Explanation: "this operator has no way to act as a ServiceAccount: remove spec.auth.serviceAccountRef"}
	}
	age := accountLasts
	if since := ref.Reader.Since; !since.IsZero() {
		age = max(0, min(age, s.options.Now().Sub(since)))
	}
	key := actsFor(who)
	account, err := s.accounts.ask(ctx, key, age, func(ctx context.Context) (source.ServiceAccount, error) {
		within, cancel := context.WithTimeout(ctx, s.options.CallTimeout)
		defer cancel()
		return s.options.ServiceAccounts.Look(within, key.namespace, key.name)
	})
	if err != nil && !errors.Is(err, source.ErrNoServiceAccount) {
		return actor{}, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if known, is := s.acting[key]; is && known != account {
		s.forget(key)
	}
	if err != nil {
		s.accounts.forget(key)
		return actor{}, err
	}
	s.acting[key] = account
	return actor{who, account}, nil
}

// forget ends the sessions of a ServiceAccount, and all that was read with them. The mutex must be held.
func (s *Source) forget(account accountKey) {
	delete(s.acting, account)
	maps.DeleteFunc(s.endpoints, func(key endpointKey, _ *endpoint) bool { return actsFor(key.who.Identity) == account })
	maps.DeleteFunc(s.identities, func(who actor, _ *identity) bool { return actsFor(who.Identity) == account })
}
