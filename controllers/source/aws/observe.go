package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// describedLasts is how long a description is kept for others who ask about the same secret.
	describedLasts = time.Minute
	// maxDescribed bounds the descriptions kept: some 500 bytes each, so 5 MB at most.
	maxDescribed = 10_000
)

// Observe finds out which version a Ref points at, by the cheapest call that AWS allows: a sweep of
// ListSecrets for those that can wait, else DescribeSecret, both shared by all who ask the same. Where
// DescribeSecret is denied it reads the value instead, says so in the hint, and asks DescribeSecret
// again after ten minutes at the earliest.
func (s *Source) Observe(ctx context.Context, question source.Question) (source.Observation, error) {
	e, err := s.endpointOf(ctx, question.Ref, question.MaxAge)
	if err != nil {
		return source.Observation{}, err
	}
	leave, err := e.enter(ctx, question.Routine)
	if err != nil {
		return source.Observation{}, err
	}
	defer leave()
	return e.observe(ctx, question)
}

func (e *endpoint) observe(ctx context.Context, question source.Question) (source.Observation, error) {
	if observation, usable := e.sweeps.observe(ctx, question); usable {
		return observation, nil
	}
	if e.denied.recall(question.SecretID) {
		return e.observeByValue(ctx, question)
	}
	answer, err := e.describe(ctx, question)
	if source.KindOf(err) == source.AccessDenied {
		return e.observeByValue(ctx, question)
	}
	if err != nil {
		return source.Observation{}, e.doubtful(question, err)
	}
	return e.judge(question, answer)
}

// judge follows the newest description of a secret that is known: the answer itself, unless it is older than one
// before it, or than what status has of the secret.
func (e *endpoint) judge(question source.Question, answer described) (source.Observation, error) {
	e.doubts.end(doubt{id: question.SecretID, stage: question.VersionStage})
	latest, behind := e.newest.follow(question.SecretID, answer)
	if question.VersionID == "" && question.Synced.ID != "" && !e.newest.reached(latest, question.Synced) {
		tag := latest.tag
		return source.Observation{Behind: true, Version: source.Version{
			ARN: question.Synced.ARN, ID: question.Synced.ID, Region: e.region, PrimaryRegion: latest.primary, Changed: question.Synced.Changed, Tag: &tag,
		}}, nil
	}
	behind = behind || e.s.expected.later(latest)
	version, err := latest.version(question.Ref, e.s.options.Now())
	if refusal, ok := errors.AsType[*source.Error](err); ok {
		tag := latest.tag
		refusal.Behind, refusal.Of = behind, &source.Version{ARN: latest.arn, Region: latest.region, Tag: &tag}
	}
	return source.Observation{Version: version, Behind: behind}, err
}

// doubtful marks the answer that there is no such secret or version where that contradicts what is known: what was
// there before, and what an event tells of, may be there soon. It has no date to go by.
func (e *endpoint) doubtful(question source.Question, err error) error {
	refusal, ok := errors.AsType[*source.Error](err)
	if !ok || !refusal.Kind.Missing() {
		return err
	}
	there := question.Synced.ID != "" && !e.doubts.lasting(doubt{id: question.SecretID, stage: question.VersionStage, says: string(refusal.Kind)})
	made := refusal.Kind != source.VersionNotFound && e.s.expected.made(e.region, question.SecretID)
	if !there && !made {
		return err
	}
	marked := *refusal // Others may have the same one.
	marked.Behind = true
	return &marked
}

// observeByValue costs a read of the value, which is handed on rather than read again. While that is
// denied too, the denial of DescribeSecret is not relied on: whoever mends the one mends both.
func (e *endpoint) observeByValue(ctx context.Context, question source.Question) (source.Observation, error) {
	ref := question.Ref
	fetched, err := e.byValue.ask(ctx, valueKey{ref.SecretID, ref.VersionID, ref.VersionStage}, question.MaxAge, func(ctx context.Context) (source.Fetched, error) {
		return e.fetch(ctx, ref, source.Version{})
	})
	if source.KindOf(err) == source.AccessDenied {
		e.denied.forget(ref.SecretID)
	}
	if source.KindOf(err).Missing() && question.Synced.ID != "" || err == nil && stepsBack(question, fetched.Version) {
		return e.contradicted(ctx, question, fetched, err)
	}
	if err != nil {
		return source.Observation{}, e.doubtful(question, err)
	}
	e.doubts.end(doubt{id: ref.SecretID, stage: ref.VersionStage, says: fetched.Version.ID})
	return e.observedByValue(ref, fetched), nil
}

func (e *endpoint) observedByValue(ref source.Ref, fetched source.Fetched) source.Observation {
	return source.Observation{
		Version: fetched.Version,
		Value:   &fetched.Value,
		Hint: fmt.Sprintf("each poll reads and decrypts the value, because DescribeSecret is denied: "+
			"allow secretsmanager:DescribeSecret on %s so that polling does not read the value", fullARNPattern(fetched.Version.ARN)),
		Behind: e.s.expected.laterThan(ref, fetched.Version),
	}
}

// stepsBack says whether a version was made before the one that is synced, or in the same second: status has no more.
func stepsBack(question source.Question, version source.Version) bool {
	synced := question.Synced
	return question.VersionID == "" && synced.ID != "" && version.ID != synced.ID && !synced.Created.IsZero() &&
		synced.Region == version.Region && !version.Created.Truncate(time.Second).After(synced.Created)
}

// contradicted decides about an older version, or none, where a newer one is synced: either AWS has moved the label
// back, or taken it away, or the answer is out of date. DescribeSecret would prove it, if it is allowed by now;
// otherwise AWS has to say so for a while.
func (e *endpoint) contradicted(ctx context.Context, question source.Question, fetched source.Fetched, missing error) (source.Observation, error) {
	answer, err := e.describe(ctx, source.Question{Ref: question.Ref, Routine: question.Routine})
	if err == nil {
		e.denied.forget(question.SecretID)
		return e.judge(question, answer)
	}
	if missing != nil {
		return source.Observation{}, e.doubtful(question, missing)
	}
	observation := e.observedByValue(question.Ref, fetched)
	if e.doubts.lasting(doubt{id: question.SecretID, stage: question.VersionStage, says: fetched.Version.ID}) {
		return observation, nil
	}
	synced := question.Synced
	observation.Version = source.Version{ARN: synced.ARN, ID: synced.ID, Region: e.region, Created: synced.Created, Changed: synced.Changed}
	observation.Value, observation.Behind, observation.Held = nil, true, true
	return observation, nil
}

// describe asks DescribeSecret, unless somebody else has lately, and notes where it is denied.
func (e *endpoint) describe(ctx context.Context, asked source.Question) (described, error) {
	ref := asked.Ref
	answer, err := e.described.ask(ctx, ref.SecretID, asked.MaxAge, func(ctx context.Context) (described, error) {
		q := question{operation: describeSecret, ref: ref, region: e.region, routine: asked.Routine}
		output, err := callBy(ctx, e, q, e.describeSecret, &secretsmanager.DescribeSecretInput{SecretId: aws.String(ref.SecretID)})
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
