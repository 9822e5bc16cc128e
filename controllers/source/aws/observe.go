package aws

import (
	"context"
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
	e, err := s.endpointOf(question.Ref)
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
	ref := question.Ref
	e.sweeps.overtake(ref.SecretID)
	if e.denied.recall(ref.SecretID) {
		return e.observeByValue(ctx, ref)
	}
	answer, err := e.describe(ctx, question)
	if source.KindOf(err) == source.AccessDenied {
		return e.observeByValue(ctx, ref)
	}
	if err != nil {
		return source.Observation{}, err
	}
	version, err := answer.version(ref, e.s.options.Now())
	return source.Observation{Version: version}, err
}

// observeByValue costs a read of the value, which is handed on rather than read again. While that is
// denied too, the denial of DescribeSecret is not relied on: whoever mends the one mends both.
func (e *endpoint) observeByValue(ctx context.Context, ref source.Ref) (source.Observation, error) {
	fetched, err := e.fetch(ctx, ref, source.Version{})
	if source.KindOf(err) == source.AccessDenied {
		e.denied.forget(ref.SecretID)
	}
	if err != nil {
		return source.Observation{}, err
	}
	return source.Observation{
		Version: fetched.Version,
		Value:   &fetched.Value,
		Hint: fmt.Sprintf("each poll reads and decrypts the value, because DescribeSecret is denied: "+
			"allow secretsmanager:DescribeSecret on %s so that polling does not read the value", fullARNPattern(fetched.Version.ARN)),
	}, nil
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
