package aws

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

const (
	// findPages bounds the calls of one look, of a hundred secrets each.
	findPages = 50
	// findFilters is how many filters ListSecrets takes, and findText how long the text of one may be (pages
	// "ListSecrets" and "Filter").
	findFilters, findText = 10, 512
	// foundLasts is how long a list is kept for others who ask the same, and maxFound how many secrets are in
	// all lists: some 300 bytes each, so 6 MB at most.
	foundLasts, maxFound = time.Minute, 20_000
)

// findKey is what a look is shared by. Tags stand in it sorted.
type findKey struct{ prefix, pattern, tags string }

// confirmKey is a secret that was looked at because a list did not have it.
type confirmKey struct {
	findKey
	arn string
}

// finds lists the secrets that match, for all who ask the same.
type finds struct {
	e     *endpoint
	lists *sharing.Cache[findKey, []source.Found]
	// confirmed has the one secret, or none if it is gone or does not match any more.
	confirmed *sharing.Cache[confirmKey, []source.Found]
	// breadths has what was too broad of late.
	breadths *breadths
}

func newFinds(e *endpoint, entries *sharing.Share) *finds {
	now := e.s.options.Now
	return &finds{
		e:         e,
		lists:     sharing.New(now, foundLasts, maxFound, func(_ findKey, found []source.Found) int { return 1 + len(found) }).Within(entries),
		confirmed: sharing.New(now, foundLasts, maxFound, func(confirmKey, []source.Found) int { return 1 }).Within(entries),
		breadths:  &breadths{now: now, share: entries},
	}
}

// Find lists the secrets that match, by ListSecrets, which may lag five minutes (page "ListSecrets"): what
// was known and is not in the list is looked at by DescribeSecret, and stays until AWS has said for a while that it
// does not match, unless a date proves that.
func (s *Source) Find(ctx context.Context, asked source.FindQuery) ([]source.Found, error) {
	if asked.Budget == nil {
		asked.Budget = pattern.NewBudget(ctx, pattern.PassSteps)
	}
	wanted, err := criteriaOf(s.patterns, asked)
	if err != nil {
		return nil, err
	}
	e, err := s.endpointOf(ctx, source.Ref{Region: asked.Region, Identity: asked.Identity, Reader: asked.Reader}, asked.MaxAge)
	if err != nil {
		return nil, err
	}
	leave, err := e.bulkhead.Enter(ctx, asked.Routine)
	if err != nil {
		return nil, err
	}
	defer leave()
	return e.finds.find(ctx, asked, wanted)
}

func (f *finds) find(ctx context.Context, asked source.FindQuery, wanted criteria) ([]source.Found, error) {
	if known, broad := f.breadths.recall(wanted.key); broad && asked.MaxAge > 0 {
		if err := f.tooBroad(known, asked, wanted); err != nil {
			return nil, err
		}
	}
	listed, err := f.lists.Ask(ctx, wanted.key, asked.MaxAge, func(ctx context.Context) ([]source.Found, error) {
		return f.list(ctx, asked, wanted.within(ctx))
	})
	if err == nil {
		err = wanted.pay(asked.Budget)
	}
	if endless := source.KindOf(err) == source.FindTooBroad; err == nil || endless {
		f.breadths.learn(wanted.key, listed, endless)
	}
	if err != nil {
		return nil, err
	}
	found := allowed(slices.Clone(listed), asked) // Others have the same list.
	if err := f.tooMany(len(found)); err != nil {
		return nil, err // Not even those that are known are worth a call then.
	}
	for _, known := range asked.Known {
		if slices.ContainsFunc(listed, func(secret source.Found) bool { return secret.ARN == known.ARN }) {
			continue
		}
		still, err := f.confirmed.Ask(ctx, confirmKey{wanted.key, known.ARN}, asked.MaxAge, func(ctx context.Context) ([]source.Found, error) {
			return f.confirm(ctx, asked, wanted.within(ctx), known)
		})
		if err == nil {
			err = wanted.pay(asked.Budget)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, still...)
	}
	found = allowed(found, asked)
	if err := f.tooMany(len(found)); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b source.Found) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ARN, b.ARN)) })
	return found, nil
}

// list asks for all pages.
func (f *finds) list(ctx context.Context, asked source.FindQuery, wanted criteria) ([]source.Found, error) {
	input := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(sweepPage), Filters: wanted.filters()}
	var found []source.Found
	for range findPages {
		c := apiCall{Call: refusal.Call{Operation: listSecrets, Ref: source.Ref{Reader: asked.Reader}, Region: f.e.region}, routine: asked.Routine}
		output, err := call(ctx, f.e, c, (*secretsmanager.Client).ListSecrets, input)
		if err != nil {
			return nil, err
		}
		for i := range output.SecretList {
			entry := &output.SecretList[i]
			matches, err := wanted.match(entry)
			if err != nil {
				return nil, err
			}
			if matches {
				found = append(found, foundBy(entry, f.e.region))
			}
		}
		if output.NextToken == nil {
			return found, nil
		}
		input.NextToken = output.NextToken
	}
	return nil, f.tooBroad(breadth{}, asked, wanted)
}

// confirm looks at one secret, and gives it if it still matches, or if the answer that it does not may be out of date.
func (f *finds) confirm(ctx context.Context, asked source.FindQuery, wanted criteria, known source.Version) ([]source.Found, error) {
	c := apiCall{Call: refusal.Call{Operation: describeSecret, Ref: source.Ref{SecretID: known.ARN, Reader: asked.Reader}, Region: f.e.region}, routine: asked.Routine}
	output, err := call(ctx, f.e, c, (*secretsmanager.Client).DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: aws.String(known.ARN)})
	lost := doubt{id: known.ARN, stage: wanted.key.prefix + " " + wanted.key.pattern + " " + wanted.key.tags, says: "lost"}
	switch {
	case source.KindOf(err) == source.SecretNotFound:
	case err != nil:
		return nil, err
	default:
		entry := entryOf(output)
		matches, err := wanted.match(entry)
		if err != nil {
			return nil, err
		}
		if matches {
			f.e.doubts.end(doubt{id: lost.id, stage: lost.stage})
			return []source.Found{foundBy(entry, f.e.region)}, nil
		}
		latest, behind := f.e.newest.follow(known.ARN, describedBy(output, f.e.region))
		if !behind && known.Region == f.e.region && olderThan(known.Changed, latest.changed) {
			return nil, nil
		}
	}
	if f.e.doubts.lasting(lost) {
		return nil, nil
	}
	latest, _ := f.e.newest.of(known.ARN)
	return []source.Found{{ARN: known.ARN, Name: arns.NameOf(known.ARN), Region: f.e.region, Tag: latest.tag}}, nil
}

func foundBy(entry *types.SecretListEntry, region string) source.Found {
	return source.Found{ARN: aws.ToString(entry.ARN), Name: aws.ToString(entry.Name), Region: region, Tag: tagOf(entry.Tags)}
}
