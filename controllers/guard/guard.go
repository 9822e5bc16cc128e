package guard

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

// New puts a guard before a source; without rules it is the source itself.
func New(behind source.Source, rules Rules) source.Source {
	if len(rules.Patterns) == 0 && (rules.Tag == "" || rules.Tag == TagIgnore) {
		return behind
	}
	return &Source{Source: behind, Rules: rules}
}

// Observe asks for a version, unless the rules refuse the secret.
func (g *Source) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	if !query.Identity.OperatorsOwn() {
		return g.Source.Resolve(ctx, query)
	}
	if err := g.before(query.Ref); err != nil {
		return source.Resolution{}, err
	}
	resolution, err := g.Source.Resolve(ctx, query)
	if err != nil {
		return source.Resolution{}, g.explain(query.Ref, err)
	}
	if err := g.after(query.Ref, resolution.Version); err != nil {
		return source.Resolution{}, err
	}
	return resolution, nil
}

// Fetch reads the value of a version that was observed, and of no other secret.
func (g *Source) Fetch(ctx context.Context, ref source.Ref, observed source.Version) (source.Fetched, error) {
	if !ref.Identity.OperatorsOwn() {
		return g.Source.Fetch(ctx, ref, observed)
	}
	if err := g.before(ref); err != nil {
		return source.Fetched{}, err
	}
	if err := g.after(ref, observed); err != nil {
		return source.Fetched{}, err
	}
	fetched, err := g.Source.Fetch(ctx, ref, observed)
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
func (g *Source) Find(ctx context.Context, query source.FindQuery) ([]source.Found, error) {
	if query.Identity.OperatorsOwn() {
		asked := source.Ref{Reader: query.Reader}
		query.Allow = func(one source.Found) bool {
			return g.after(asked, source.Version{ARN: one.ARN, Tag: &one.Tag}) == nil
		}
	}
	return g.Source.Find(ctx, query)
}

// before refuses what can only mean a secret that the patterns refuse.
func (g *Source) before(ref source.Ref) error {
	may := func(s secret) bool {
		s.arn = "" // Patterns of ARNs are for after: a name says nothing about the account.
		return g.Rules.Patterns.allow(ref.Reader.Namespace, s)
	}
	if len(g.Rules.Patterns) == 0 || g.hasARNPatterns() || slices.ContainsFunc(named(ref.SecretID), may) {
		return nil
	}
	return g.refusedByPattern(ref, ref.SecretID)
}

func (g *Source) hasARNPatterns() bool {
	return slices.ContainsFunc(g.Rules.Patterns, func(pattern string) bool { return strings.HasPrefix(pattern, "arn:") })
}

// after refuses by what AWS calls the secret, and by its tag. What is not known is refused.
func (g *Source) after(ref source.Ref, version source.Version) error {
	if len(g.Rules.Patterns) > 0 {
		if s, ok := answered(version.ARN); !ok || !g.Rules.Patterns.allow(ref.Reader.Namespace, s) {
			return g.refusedByPattern(ref, version.ARN)
		}
	}
	if g.byTag() {
		return g.afterTag(ref, version.Tag)
	}
	return nil
}

func (g *Source) byTag() bool { return g.Rules.Tag == TagHonor || g.Rules.Tag == TagRequire }

func (g *Source) afterTag(ref source.Ref, tag *source.Tag) error {
	switch {
	case tag == nil:
		return refuse("the tag %s of secret %s is not known, so that no namespace gets it: allow secretsmanager:DescribeSecret on it",
			source.TagNamespaces, ref.SecretID)
	case !tag.Present && g.Rules.Tag == TagHonor, tag.Present && slices.Contains(strings.Fields(tag.Value), ref.Reader.Namespace):
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
func (g *Source) explain(ref source.Ref, err error) error {
	refusal, ok := errors.AsType[*source.Error](err)
	switch {
	case !ok:
		return err
	case refusal.Of != nil:
		if denied := g.after(ref, *refusal.Of); denied != nil {
			return denied
		}
	case g.byTag() && refusal.Kind.Missing():
		missing := absent(ref)
		missing.Outdated, missing.Cause = refusal.Outdated, refusal.Cause
		return missing
	}
	return err
}

func (g *Source) refusedByPattern(ref source.Ref, secret string) error {
	return refuse("namespace %s may not have secret %s: this operator (--secret-name-patterns) gives it those called %s; "+
		"follow one of these, or read with a ServiceAccount of the namespace (spec.auth.serviceAccountRef)",
		ref.Reader.Namespace, secret, g.Rules.Patterns.forNamespace(ref.Reader.Namespace))
}

func refuse(format string, arguments ...any) error {
	return &source.Error{Kind: source.PolicyDenied, Explanation: fmt.Sprintf(format, arguments...)}
}
