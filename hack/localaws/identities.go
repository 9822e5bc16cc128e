package localaws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

// User is an IAM user with an access key.
type User struct {
	// Account of the user. Default: the server's.
	Account string
	// Partition of the account. Default: that of the server's region.
	Partition string
	// Name, with its path if it has one.
	Name string
	// AccessKeyID and SecretAccessKey sign the user's requests.
	AccessKeyID, SecretAccessKey string
	// Policies are the identity-based policies, in JSON.
	Policies []string
	// Tags are seen by policies as aws:PrincipalTag.
	Tags map[string]string
}

// Role is an IAM role.
type Role struct {
	// Account of the role. Default: the server's.
	Account string
	// Partition of the account. Default: that of the server's region.
	Partition string
	// Name, with its path if it has one.
	Name string
	// TrustPolicy says in JSON who may assume the role.
	TrustPolicy string
	// Policies are the identity-based policies, in JSON.
	Policies []string
	// Tags are seen by policies as aws:PrincipalTag; tags of a session override them.
	Tags map[string]string
	// MaxSession is how long a session may last. Default: an hour.
	MaxSession time.Duration
}

// user and role are User and Role with parsed policies.
type user struct {
	User
	arn      string
	policies []*iam.Policy
}

type role struct {
	Role
	arn, id  string
	trust    *iam.Policy
	policies []*iam.Policy
	created  time.Time
	// inline are the policies that PutRolePolicy has put, by name; policies has them too.
	inline map[string]string
	// revocations deny sessions that were revoked; they outlive a change of the role.
	revocations []*iam.Policy
}

// identities are the identities in IAM. With at least one, unknown callers are refused.
type identities struct {
	strict    bool
	users     map[string]*user // by access key id
	roles     map[string]*role // by ARN
	providers map[string]*provider
	sessions  map[string]*session // by access key id
	// disabled are the regions without STS.
	disabled map[string]bool
}

// AddUser creates a user, or replaces the user with that access key, and gives the user's ARN.
//
// From the first user, role or OIDC provider on, signatures are checked, unknown access keys are refused, and policies
// decide. Access keys of AddPrincipal are not affected: their signatures are not checked, and only rules limit them.
func (s *Server) AddUser(u User) (arn string, err error) {
	if u.AccessKeyID == "" || u.SecretAccessKey == "" {
		return "", errors.New("adding a user: an access key is wanted")
	}
	policies, err := parseAll(u.Policies)
	if err != nil {
		return "", fmt.Errorf("adding user %s: %w", u.Name, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	u.Account = s.accountOr(u.Account)
	made := &user{User: u, arn: newARN(s.partitionOr(u.Partition), "iam", "", u.Account, "user/"+u.Name), policies: policies}
	put(&s.iam.users, u.AccessKeyID, made)
	s.iam.strict = true
	return made.arn, nil
}

// DeleteAccessKey deletes a user's access key.
func (s *Server) DeleteAccessKey(accessKeyID string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.iam.users, accessKeyID)
}

// AddRole creates a role, or changes the role of that name, whose sessions then get the new policies. It gives the
// role's ARN.
func (s *Server) AddRole(r Role) (arn string, err error) {
	made := &role{Role: r}
	if made.trust, err = iam.ParseResource(r.TrustPolicy); err != nil {
		return "", fmt.Errorf("adding role %s: %w", r.Name, err)
	}
	if made.policies, err = parseAll(r.Policies); err != nil {
		return "", fmt.Errorf("adding role %s: %w", r.Name, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	made.Account = s.accountOr(r.Account)
	if made.MaxSession == 0 {
		made.MaxSession = sessionDefault
	}
	made.arn = newARN(s.partitionOr(r.Partition), "iam", "", made.Account, "role/"+r.Name)
	made.id, made.created = "AROA"+randomPassword(uppercase, 16), s.now()
	if old := s.iam.roles[made.arn]; old != nil {
		made.id, made.created, made.revocations = old.id, old.created, old.revocations
	}
	put(&s.iam.roles, made.arn, made)
	s.iam.strict = true
	return made.arn, nil
}

// DeleteRole deletes a role. Its sessions' credentials are invalid from then on, even if a role of the
// same name is recreated.
func (s *Server) DeleteRole(arn string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.iam.roles, arn)
}

// RevokeSessions denies everything to a role's present sessions, as AWS's console does: by a policy about when they
// were issued (page "Revoke IAM role temporary security credentials"). Sessions that begin later are not touched.
func (s *Server) RevokeSessions(arn string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	revoked := s.iam.roles[arn]
	if revoked == nil {
		return fmt.Errorf("revoking sessions: no role %s", arn)
	}
	policy, err := iam.ParseIdentity(`{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
		"Condition": {"DateLessThanEquals": {"aws:TokenIssueTime": "` + s.now().UTC().Format(time.RFC3339Nano) + `"}}}}`)
	if err != nil {
		return fmt.Errorf("revoking sessions of %s: %w", arn, err)
	}
	revoked.revocations = append(revoked.revocations, policy)
	return nil
}

// OIDCProvider is an OIDC identity provider of an account, for example a cluster for its ServiceAccounts.
type OIDCProvider struct {
	// Account that trusts the provider. Default: the server's.
	Account string
	// Partition of the account. Default: that of the server's region.
	Partition string
	// Issuer, as in the claim iss of its tokens, with https://.
	Issuer string
	// Audiences that tokens may be for. Default: sts.amazonaws.com.
	Audiences []string
	// Keys gets the issuer's JSON Web Key Set. It is called if a key is unknown.
	Keys func(context.Context) ([]byte, error) `json:"-"`
}

// AddOIDCProvider makes an account trust an issuer, and gives the provider's ARN.
func (s *Server) AddOIDCProvider(p OIDCProvider) (arn string, err error) {
	if p.Keys == nil || !strings.HasPrefix(p.Issuer, "https://") {
		return "", errors.New("adding an OIDC provider: its keys, and an issuer that begins with https://, are wanted")
	}
	if len(p.Audiences) == 0 {
		p.Audiences = []string{stsAudience}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	p.Account = s.accountOr(p.Account)
	arn = providerARN(s.partitionOr(p.Partition), p.Account, p.Issuer)
	put(&s.iam.providers, arn, &provider{OIDCProvider: p, arn: arn})
	s.iam.strict = true
	return arn, nil
}

// DisableSTS deactivates or activates STS in a region. Unsigned requests belong to the server's own region.
func (s *Server) DisableSTS(region string, disabled bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	put(&s.iam.disabled, region, disabled)
}

// ForgetIdentities removes users, roles, providers and sessions, so that all callers may do everything again.
func (s *Server) ForgetIdentities() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.iam = identities{}
}

// issuerKey is the name of an issuer in policies and ARNs: its URL without the scheme.
func issuerKey(issuer string) string { return strings.TrimPrefix(issuer, "https://") }

func providerARN(partition, account, issuer string) string {
	return newARN(partition, "iam", "", account, "oidc-provider/"+issuerKey(issuer))
}

func (s *Server) accountOr(account string) string {
	if account == "" {
		return s.account()
	}
	return account
}

func parseAll(documents []string) ([]*iam.Policy, error) {
	var policies []*iam.Policy
	for _, document := range documents {
		policy, err := iam.ParseIdentity(document)
		if err != nil {
			return nil, err
		}
		policies = append(policies, policy)
	}
	return policies, nil
}

// put writes into a map that may be nil.
func put[K comparable, V any](into *map[K]V, key K, value V) {
	if *into == nil {
		*into = map[K]V{}
	}
	(*into)[key] = value
}

// merged are tags, overridden by others.
func merged(under, over map[string]string) map[string]string {
	all := maps.Clone(under)
	if all == nil {
		all = map[string]string{}
	}
	for key, value := range over {
		// The case of tag keys is ignored: a session's Team replaces a role's team.
		maps.DeleteFunc(all, func(old, _ string) bool { return strings.EqualFold(old, key) })
		all[key] = value
	}
	return all
}
