package accesspolicy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/controllers/source"
)

// TagRule says what the tag source.TagNamespaces on a secret means, by which its owner lists the
// namespaces, separated by blanks, that may have it.
type TagRule string

const (
	// TagIgnore means nothing: every namespace may have the secret.
	TagIgnore TagRule = "Ignore"
	// TagHonor gives a secret with the tag to the namespaces in it alone, and one without to all.
	TagHonor TagRule = "Honor"
	// TagRequire gives a secret to the namespaces in its tag alone; one without the tag to none.
	TagRequire TagRule = "Require"
)

// Rules are what Source holds reads against.
type Rules struct {
	// Patterns of the secrets that a namespace may have. None let all through.
	Patterns Patterns
	// Tag is how the tag is taken. Default: Ignore.
	Tag TagRule
}

// Source refuses what the rules do, and lets the rest through to another source. What a SecretSync says is
// looked at before AWS is asked, and what AWS says before it is handed on, as the name that counts is
// AWS's: an id may mean one secret today and another one tomorrow.
type Source struct {
	source.Source
	Rules Rules
}

var _ source.Source = (*Source)(nil)

// New wraps a source in an access policy. Without rules it returns the source itself.
func New(behind source.Source, rules Rules) source.Source {
	if len(rules.Patterns) == 0 && (rules.Tag == "" || rules.Tag == TagIgnore) {
		return behind
	}
	return &Source{Source: behind, Rules: rules}
}

// Observe asks for a version, unless the rules refuse the secret.
func (s *Source) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	if !query.Identity.OperatorsOwn() {
		return s.Source.Resolve(ctx, query)
	}
	if err := s.before(query.Ref); err != nil {
		return source.Resolution{}, err
	}
	resolution, err := s.Source.Resolve(ctx, query)
	if err != nil {
		return source.Resolution{}, s.explain(query.Ref, err)
	}
	if err := s.after(query.Ref, resolution.Version); err != nil {
		return source.Resolution{}, err
	}
	return resolution, nil
}

// Fetch reads the value of a version that was observed, and of no other secret.
func (s *Source) Fetch(ctx context.Context, ref source.Ref, observed source.Version) (source.Fetched, error) {
	if !ref.Identity.OperatorsOwn() {
		return s.Source.Fetch(ctx, ref, observed)
	}
	if err := s.before(ref); err != nil {
		return source.Fetched{}, err
	}
	if err := s.after(ref, observed); err != nil {
		return source.Fetched{}, err
	}
	fetched, err := s.Source.Fetch(ctx, ref, observed)
	if err != nil {
		return source.Fetched{}, err
	}
	if fetched.Version.ARN != observed.ARN {
		return source.Fetched{}, &source.Error{Kind: source.Busy, Explanation: fmt.Sprintf(
			"secret %s was replaced by another of its name while it was read: it is looked at again", ref.SecretID)}
	}
	return fetched, nil
}

// Find gives what a namespace may have of what matches. The rest is left out, and not told of: a refusal would
// tell a tenant which secrets others have.
func (s *Source) Find(ctx context.Context, query source.FindQuery) ([]source.Found, error) {
	if query.Identity.OperatorsOwn() {
		asked := source.Ref{Reader: query.Reader}
		query.Allow = func(one source.Found) bool {
			return s.after(asked, source.Version{ARN: one.ARN, Tag: &one.Tag}) == nil
		}
	}
	return s.Source.Find(ctx, query)
}

// before refuses what can only mean a secret that the patterns refuse.
func (s *Source) before(ref source.Ref) error {
	may := func(candidate secret) bool {
		candidate.arn = "" // Patterns of ARNs are for after: a name says nothing about the account.
		return s.Rules.Patterns.allow(ref.Reader.Namespace, candidate)
	}
	if len(s.Rules.Patterns) == 0 || s.hasARNPatterns() || slices.ContainsFunc(named(ref.SecretID), may) {
		return nil
	}
	return s.refusedByPattern(ref, ref.SecretID)
}

func (s *Source) hasARNPatterns() bool {
	return slices.ContainsFunc(s.Rules.Patterns, func(pattern string) bool { return strings.HasPrefix(pattern, "arn:") })
}

// after refuses by what AWS calls the secret, and by its tag. What is not known is refused.
func (s *Source) after(ref source.Ref, version source.Version) error {
	if len(s.Rules.Patterns) > 0 {
		if known, ok := answered(version.ARN); !ok || !s.Rules.Patterns.allow(ref.Reader.Namespace, known) {
			return s.refusedByPattern(ref, version.ARN)
		}
	}
	if s.byTag() {
		return s.afterTag(ref, version.Tag)
	}
	return nil
}

func (s *Source) byTag() bool { return s.Rules.Tag == TagHonor || s.Rules.Tag == TagRequire }

func (s *Source) afterTag(ref source.Ref, tag *source.Tag) error {
	switch {
	case tag == nil:
		return refuse("the tag %s of secret %s is not known, so that no namespace gets it: allow secretsmanager:DescribeSecret on it",
			source.TagNamespaces, ref.SecretID)
	case !tag.Present && s.Rules.Tag == TagHonor, tag.Present && slices.Contains(strings.Fields(tag.Value), ref.Reader.Namespace):
		return nil
	}
	return absent(ref)
}

// absent is the refusal of a secret by its tag, and of one that is not there: a namespace that may not have a secret
// does not learn that there is one, nor who has it.
func absent(ref source.Ref) *source.Error {
	return &source.Error{Kind: source.SecretNotFound, Explanation: fmt.Sprintf(
		"AWS has no secret %s for namespace %s: create it, or correct spec.source.secretID or region; if it is there, let its owner list the namespace in its tag %s",
		ref.SecretID, ref.Reader.Namespace, source.TagNamespaces)}
}

// explain passes on what AWS says of a secret to those alone who may have it.
func (s *Source) explain(ref source.Ref, err error) error {
	refusal, ok := errors.AsType[*source.Error](err)
	switch {
	case !ok:
		return err
	case refusal.Of != nil:
		if denied := s.after(ref, *refusal.Of); denied != nil {
			return denied
		}
	case s.byTag() && refusal.Kind.Missing():
		missing := absent(ref)
		missing.Outdated, missing.Cause = refusal.Outdated, refusal.Cause
		return missing
	}
	return err
}

func (s *Source) refusedByPattern(ref source.Ref, secret string) error {
	return refuse("namespace %s may not have secret %s: this operator (--secret-name-patterns) gives it those called %s; "+
		"follow one of these, or read with a ServiceAccount of the namespace (spec.auth.serviceAccountRef)",
		ref.Reader.Namespace, secret, s.Rules.Patterns.forNamespace(ref.Reader.Namespace))
}

func refuse(format string, arguments ...any) error {
	return &source.Error{Kind: source.PolicyDenied, Explanation: fmt.Sprintf(format, arguments...)}
}
