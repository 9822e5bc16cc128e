package aws

import (
	"context"
	"errors"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/identity"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

const (
	// accountLasts is how long a ServiceAccount counts as it was looked up: for as long its role reads on once the
	// ServiceAccount is deleted, or names another role.
	accountLasts = time.Minute
	// noAccountLasts is how long it counts that there is none, or that it names no role.
	noAccountLasts = 5 * time.Second
)

// newAccounts keeps the ServiceAccounts of a namespace as they were looked up.
func newAccounts(now func() time.Time) *sharing.Cache[string, source.ServiceAccount] {
	accounts := sharing.New(now, accountLasts, maxAccounts, func(string, source.ServiceAccount) int { return 1 })
	return accounts.KeepRefusals(func(err error) time.Duration {
		if errors.Is(err, source.ErrNoServiceAccount) {
			return noAccountLasts
		}
		return 0
	}, 1)
}

// actorOf looks up who an identity is, unless that is known of less than a minute ago, and since the reader came. That
// there is no such ServiceAccount may be as old as an answer may be.
func (s *Source) actorOf(ctx context.Context, ref source.Ref, maxAge time.Duration) (identity.Actor, error) {
	who := ref.Identity
	if who.OperatorsOwn() {
		return identity.Actor{Identity: who}, nil
	}
	if s.options.ServiceAccounts == nil {
		return identity.Actor{}, &source.Error{Kind: source.CredentialsUnavailable,
			Explanation: "this operator has no way to act as a ServiceAccount: remove spec.auth.serviceAccountRef"}
	}
	age := accountLasts
	if since := ref.Reader.Since; !since.IsZero() {
		age = max(0, min(age, s.options.Now().Sub(since)))
	}
	of := s.tenants.get(who.Namespace)
	of.accounts.Outdate(who.ServiceAccount, maxAge)
	account, err := of.accounts.Ask(ctx, who.ServiceAccount, age, func(ctx context.Context) (source.ServiceAccount, error) {
		within, cancel := context.WithTimeout(ctx, s.options.CallTimeout)
		defer cancel()
		return s.options.ServiceAccounts.Get(within, who.Namespace, who.ServiceAccount)
	})
	none := errors.Is(err, source.ErrNoServiceAccount)
	if err != nil && !none {
		return identity.Actor{}, err
	}
	s.tenants.acts(of, who.ServiceAccount, account, none)
	if none {
		return identity.Actor{}, err
	}
	return identity.Actor{Identity: who, Account: account}, nil
}
