package accesspolicy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

// TagRule says what the tag source.TagNamespaces on a secret means. In it, the owner of the secret lists the
// namespaces that may have it, separated by spaces.
type TagRule string

const (
	// TagIgnore ignores the tag: every namespace may have the secret.
	TagIgnore TagRule = "Ignore"
	// TagHonor allows a secret with the tag to the listed namespaces only, and a secret without the tag to all.
	TagHonor TagRule = "Honor"
	// TagRequire allows a secret with the tag to the listed namespaces only, and a secret without the tag to none.
	TagRequire TagRule = "Require"
)

// Rules are applied to each read. A read must satisfy both.
type Rules struct {
	// Patterns of the secrets that a namespace may have. Default: all secrets.
	Patterns Patterns
	// Tag is how the tag is taken. Default: Ignore.
	Tag TagRule
}

// Source refuses reads by its rules, and passes the others on to the source that it wraps. It checks what a
// SecretSync asks for before AWS is called, and what AWS answers before it is returned: the name that counts is the
// one in AWS's answer, because an id may mean another secret tomorrow. It is safe for concurrent use.
type Source struct {
	source.Source
	rules  Rules
	budget *pattern.Budget
}

var _ source.Source = (*Source)(nil)

// New wraps a source in an access policy. Without rules it returns the source itself.
func New(wrapped source.Source, rules Rules) source.Source {
	if len(rules.Patterns) == 0 && (rules.Tag == "" || rules.Tag == TagIgnore) {
		return wrapped
	}
	return &Source{Source: wrapped, rules: rules, budget: unbounded()}
}

// Resolve resolves a version, unless the rules refuse the secret.
func (s *Source) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	if !query.Identity.OperatorsOwn() {
		return s.Source.Resolve(ctx, query)
	}
	if err := s.checkRequest(query.Ref); err != nil {
		return source.Resolution{}, err
	}
	resolution, err := s.Source.Resolve(ctx, query)
	if err != nil {
		return source.Resolution{}, s.restrict(query.Ref, err)
	}
	if err := s.checkAnswer(query.Ref, resolution.Version); err != nil {
		return source.Resolution{}, err
	}
	return resolution, nil
}

// Fetch reads the value of a resolved version, and of no other secret.
func (s *Source) Fetch(ctx context.Context, ref source.Ref, resolved source.Version) (source.Fetched, error) {
	if !ref.Identity.OperatorsOwn() {
		return s.Source.Fetch(ctx, ref, resolved)
	}
	if err := s.checkRequest(ref); err != nil {
		return source.Fetched{}, err
	}
	if err := s.checkAnswer(ref, resolved); err != nil {
		return source.Fetched{}, err
	}
	fetched, err := s.Source.Fetch(ctx, ref, resolved)
	if err != nil {
		return source.Fetched{}, err
	}
	if fetched.Version.ARN != resolved.ARN {
		return source.Fetched{}, &source.Error{Kind: source.Busy, Explanation: fmt.Sprintf(
			"secret %s was replaced by another secret of the same name while it was read: it is read again", ref.SecretID)}
	}
	return fetched, nil
}

// Find returns the matching secrets that the namespace may have. It leaves out the others without an error: a refusal
// would show a tenant which secrets other tenants have.
func (s *Source) Find(ctx context.Context, query source.FindQuery) ([]source.Found, error) {
	if query.Identity.OperatorsOwn() {
		ref := source.Ref{Reader: query.Reader}
		query.Allow = func(found source.Found) bool {
			return s.checkAnswer(ref, source.Version{ARN: found.ARN, Tag: &found.Tag}) == nil
		}
	}
	return s.Source.Find(ctx, query)
}

// checkRequest refuses a secret if the patterns refuse all secrets that its id may mean.
func (s *Source) checkRequest(ref source.Ref) error {
	allowed := func(candidate secret) bool {
		candidate.arn = "" // checkAnswer applies patterns of ARNs: a name says nothing about the account.
		return s.rules.Patterns.allow(s.budget, ref.Reader.Namespace, candidate)
	}
	if len(s.rules.Patterns) == 0 || s.hasARNPatterns() || slices.ContainsFunc(candidates(ref.SecretID), allowed) {
		return nil
	}
	return s.refusedByPattern(ref, ref.SecretID)
}

func (s *Source) hasARNPatterns() bool {
	return slices.ContainsFunc(s.rules.Patterns, arns.Is)
}

// checkAnswer refuses a secret by the ARN that AWS returned, and by its tag. It refuses what is not known.
func (s *Source) checkAnswer(ref source.Ref, version source.Version) error {
	if len(s.rules.Patterns) > 0 {
		if known, ok := fromFullARN(version.ARN); !ok || !s.rules.Patterns.allow(s.budget, ref.Reader.Namespace, known) {
			return s.refusedByPattern(ref, version.ARN)
		}
	}
	if s.usesTag() {
		return s.checkTag(ref, version.Tag)
	}
	return nil
}

func (s *Source) usesTag() bool { return s.rules.Tag == TagHonor || s.rules.Tag == TagRequire }

func (s *Source) checkTag(ref source.Ref, tag *source.Tag) error {
	switch {
	case tag == nil:
		return refuse("the tag %s of secret %s is not known, so no namespace may have the secret: allow secretsmanager:DescribeSecret on it",
			source.TagNamespaces, ref.SecretID)
	case !tag.Present && s.rules.Tag == TagHonor, tag.Present && slices.Contains(strings.Fields(tag.Value), ref.Reader.Namespace):
		return nil
	}
	return absent(ref)
}

// absent is the error for a secret that the tag refuses, and for a secret that does not exist: a namespace that may
// not have a secret does not learn that it exists, nor which namespaces may have it.
func absent(ref source.Ref) *source.Error {
	return &source.Error{Kind: source.SecretNotFound, Explanation: fmt.Sprintf(
		"AWS has no secret %s for namespace %s: create it, or correct spec.source.secretID or region; if it is there, let its owner list the namespace in its tag %s",
		ref.SecretID, ref.Reader.Namespace, source.TagNamespaces)}
}

// restrict returns the error of a read if the namespace may have the secret, and a refusal that says nothing about the
// secret otherwise.
func (s *Source) restrict(ref source.Ref, err error) error {
	refusal, ok := errors.AsType[*source.Error](err)
	switch {
	case !ok:
		return err
	case refusal.Of != nil:
		if denied := s.checkAnswer(ref, *refusal.Of); denied != nil {
			return denied
		}
	case s.usesTag() && refusal.Kind.Missing():
		missing := absent(ref)
		missing.Outdated, missing.Cause = refusal.Outdated, refusal.Cause
		return missing
	}
	return err
}

func (s *Source) refusedByPattern(ref source.Ref, secretID string) error {
	return refuse("namespace %s may not have secret %s: --secret-name-patterns of the operator allows it secrets that match %s; "+
		"use such a secret, or read with a ServiceAccount of the namespace (spec.auth.serviceAccountRef)",
		ref.Reader.Namespace, secretID, s.rules.Patterns.forNamespace(ref.Reader.Namespace))
}

func refuse(format string, arguments ...any) error {
	return &source.Error{Kind: source.PolicyDenied, Explanation: fmt.Sprintf(format, arguments...)}
}
