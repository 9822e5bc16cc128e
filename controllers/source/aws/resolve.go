package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

const (
	// describedLasts is how long a description is kept for others who ask about the same secret.
	describedLasts = time.Minute
	// maxDescribed bounds the descriptions kept: some 500 bytes each, so 5 MB at most.
	maxDescribed = 10_000
)

// Resolve says which version a Ref points at, by the cheapest call that AWS allows: a sweep of ListSecrets for queries that can
// wait, else DescribeSecret. Both are shared by all who ask the same. Where DescribeSecret is denied it reads the value
// instead, says so in the hint, and calls DescribeSecret again after ten minutes at the earliest.
func (s *Source) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	e, err := s.endpointOf(ctx, query.Ref, query.MaxAge)
	if err != nil {
		return source.Resolution{}, err
	}
	leave, err := e.bulkhead.Enter(ctx, query.Routine)
	if err != nil {
		return source.Resolution{}, err
	}
	defer leave()
	return e.resolve(ctx, query)
}

func (e *endpoint) resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	if resolution, usable := e.sweeps.resolve(ctx, query); usable {
		return resolution, nil
	}
	if e.denied.recall(query.SecretID) {
		return e.resolveByValue(ctx, query)
	}
	answer, err := e.describe(ctx, query)
	if source.KindOf(err) == source.AccessDenied {
		return e.resolveByValue(ctx, query)
	}
	if err != nil {
		return source.Resolution{}, e.doubtful(query, err)
	}
	return e.judge(query, answer)
}

// judge follows the newest description of a secret that is known: the answer itself, unless it is older than one
// before it, or than what status has of the secret.
func (e *endpoint) judge(query source.VersionQuery, answer described) (source.Resolution, error) {
	e.doubts.end(doubt{id: query.SecretID, stage: query.VersionStage})
	latest, behind := e.newest.follow(query.SecretID, answer)
	if query.VersionID == "" && query.Synced.ID != "" && !e.newest.reached(latest, query.Synced) {
		tag := latest.tag
		return source.Resolution{Outdated: true, Version: source.Version{
			ARN: query.Synced.ARN, ID: query.Synced.ID, Region: e.region, PrimaryRegion: latest.primary, Changed: query.Synced.Changed, Tag: &tag,
		}}, nil
	}
	behind = behind || e.s.expected.later(latest)
	version, err := latest.version(query.Ref, e.s.options.Now())
	if refused, ok := errors.AsType[*source.Error](err); ok {
		tag := latest.tag
		refused.Outdated, refused.Of = behind, &source.Version{ARN: latest.arn, Region: latest.region, Tag: &tag}
	}
	return source.Resolution{Version: version, Outdated: behind}, err
}

// doubtful marks the answer that there is no such secret or version where that contradicts what is known: what was
// there before, and what an event tells of, may be there soon. It has no date to go by.
func (e *endpoint) doubtful(query source.VersionQuery, err error) error {
	refused, ok := errors.AsType[*source.Error](err)
	if !ok || !refused.Kind.Missing() {
		return err
	}
	there := query.Synced.ID != "" && !e.doubts.lasting(doubt{id: query.SecretID, stage: query.VersionStage, says: string(refused.Kind)})
	made := refused.Kind != source.VersionNotFound && e.s.expected.made(e.region, query.SecretID)
	if !there && !made {
		return err
	}
	marked := *refused // Others may have the same one.
	marked.Outdated = true
	return &marked
}

// resolveByValue reads the value, and returns it so that it is not read again. While that is denied too, the denial of
// DescribeSecret is not cached: one change of a policy may grant both.
func (e *endpoint) resolveByValue(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	ref := query.Ref
	fetched, err := e.byValue.Ask(ctx, valueKey{ref.SecretID, ref.VersionID, ref.VersionStage}, query.MaxAge, func(ctx context.Context) (source.Fetched, error) {
		return e.fetch(ctx, ref, source.Version{})
	})
	if source.KindOf(err) == source.AccessDenied {
		e.denied.forget(ref.SecretID)
	}
	if source.KindOf(err).Missing() && query.Synced.ID != "" || err == nil && stepsBack(query, fetched.Version) {
		return e.contradicted(ctx, query, fetched, err)
	}
	if err != nil {
		return source.Resolution{}, e.doubtful(query, err)
	}
	e.doubts.end(doubt{id: ref.SecretID, stage: ref.VersionStage, says: fetched.Version.ID})
	return e.resolvedByValue(ref, fetched), nil
}

func (e *endpoint) resolvedByValue(ref source.Ref, fetched source.Fetched) source.Resolution {
	return source.Resolution{
		Version: fetched.Version,
		Value:   &fetched.Value,
		Hint: fmt.Sprintf("each poll reads and decrypts the value, because DescribeSecret is denied: "+
			"allow secretsmanager:DescribeSecret on %s so that polling does not read the value", arns.PatternOfFull(fetched.Version.ARN)),
		Outdated: e.s.expected.laterThan(ref, fetched.Version),
	}
}

// stepsBack says whether a version was made before the one that is synced, or in the same second: status has no more.
func stepsBack(query source.VersionQuery, version source.Version) bool {
	synced := query.Synced
	return query.VersionID == "" && synced.ID != "" && version.ID != synced.ID && !synced.Created.IsZero() &&
		synced.Region == version.Region && !version.Created.Truncate(time.Second).After(synced.Created)
}

// contradicted decides about an older version, or none, where a newer one is synced: either AWS has moved the label
// back, or taken it away, or the answer is out of date. DescribeSecret would prove it, if it is allowed by now;
// otherwise AWS has to say so for a while.
func (e *endpoint) contradicted(ctx context.Context, query source.VersionQuery, fetched source.Fetched, missing error) (source.Resolution, error) {
	answer, err := e.describe(ctx, source.VersionQuery{Ref: query.Ref, Routine: query.Routine})
	if err == nil {
		e.denied.forget(query.SecretID)
		return e.judge(query, answer)
	}
	if missing != nil {
		return source.Resolution{}, e.doubtful(query, missing)
	}
	resolution := e.resolvedByValue(query.Ref, fetched)
	if e.doubts.lasting(doubt{id: query.SecretID, stage: query.VersionStage, says: fetched.Version.ID}) {
		return resolution, nil
	}
	synced := query.Synced
	resolution.Version = source.Version{ARN: synced.ARN, ID: synced.ID, Region: e.region, Created: synced.Created, Changed: synced.Changed}
	resolution.Value, resolution.Outdated, resolution.Uncertain = nil, true, true
	return resolution, nil
}

// describe calls DescribeSecret, unless a cached answer is young enough, and records where it is denied.
func (e *endpoint) describe(ctx context.Context, asked source.VersionQuery) (described, error) {
	ref := asked.Ref
	answer, err := e.described.Ask(ctx, ref.SecretID, asked.MaxAge, func(ctx context.Context) (described, error) {
		c := apiCall{Call: refusal.Call{Operation: describeSecret, Ref: ref, Region: e.region}, routine: asked.Routine}
		output, err := callBy(ctx, e, c, e.describeSecret, &secretsmanager.DescribeSecretInput{SecretId: aws.String(ref.SecretID)})
		if err != nil {
			return described{}, err
		}
		return describedBy(output, e.region), nil
	})
	if source.KindOf(err) == source.AccessDenied {
		e.denied.remember(ref.SecretID)
	}
	return answer, err
}
