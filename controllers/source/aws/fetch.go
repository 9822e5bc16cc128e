package aws

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

const (
	// valueLasts is how long a value is kept in memory for others who want the same version. It can't be
	// stale, as a version never changes; it is short because memory is no place for secrets.
	valueLasts = time.Minute
	// valueOverhead is what an entry costs besides its value, roughly, in bytes.
	valueOverhead = 512
)

// valueKey is a value as it was asked for: the version, and the staging label or version id by which
// the call names it, as policies may allow one and deny another (condition secretsmanager:VersionStage).
type valueKey struct{ arn, versionID, asked string }

// costOf is what it costs to keep a value, in bytes. One that belongs to another version than was
// asked for, because the staging label has moved meanwhile, is not kept.
func costOf(key valueKey, fetched source.Fetched) int {
	if fetched.Version.ID != key.versionID {
		return math.MaxInt
	}
	return valueOverhead + len(fetched.Value.Bytes())
}

// Fetch reads the value by GetSecretValue, or many at once by BatchGetSecretValue where AWS allows
// it. Each version is read once, however many want it within a minute.
func (s *Source) Fetch(ctx context.Context, ref source.Ref, observed source.Version) (source.Fetched, error) {
	e, err := s.endpointOf(ctx, ref, refusedLasts)
	if err != nil {
		return source.Fetched{}, err
	}
	leave, err := e.bulkhead.Enter(ctx, false)
	if err != nil {
		return source.Fetched{}, err
	}
	defer leave()
	return e.fetch(ctx, ref, observed)
}

func (e *endpoint) fetch(ctx context.Context, ref source.Ref, observed source.Version) (source.Fetched, error) {
	read := func(ctx context.Context) (source.Fetched, error) { return e.read(ctx, ref) }
	if observed.ID == "" {
		return read(ctx)
	}
	key := valueKey{arn: observed.ARN, versionID: observed.ID, asked: ref.VersionID + " " + ref.VersionStage}
	fetched, err := e.values.Ask(ctx, key, valueLasts, read)
	if err == nil && fetched.Version.ID != observed.ID {
		// The label moved while the shared read was under way; which way is not known.
		return e.values.Ask(ctx, key, 0, read)
	}
	return fetched, err
}

// read reads a value, in a batch where one is being gathered.
func (e *endpoint) read(ctx context.Context, ref source.Ref) (source.Fetched, error) {
	if ref.VersionID == "" && stageOf(ref) == stageCurrent && !e.unbatched.recall(batchGetSecretValue) {
		if r := e.batches.join(ctx, ref); r != nil {
			if err := r.wait(ctx); err != nil {
				return source.Fetched{}, err // What is in the request may be written still.
			}
			if !r.alone {
				return r.fetched, nil
			}
		}
	}
	return e.readAlone(ctx, ref)
}

func (e *endpoint) readAlone(ctx context.Context, ref source.Ref) (source.Fetched, error) {
	c := apiCall{Call: refusal.Call{Operation: getSecretValue, Ref: ref, Region: e.region}}
	answer, err := call(ctx, e, c, (*secretsmanager.Client).GetSecretValue, inputOf(ref))
	if source.KindOf(err) == source.KMSAccessDenied {
		return source.Fetched{}, e.nameKey(ctx, e.signs(c).Call, err)
	}
	if err != nil {
		return source.Fetched{}, err
	}
	return source.Fetched{
		Version: source.Version{
			ARN:     aws.ToString(answer.ARN),
			ID:      aws.ToString(answer.VersionId),
			Stages:  answer.VersionStages,
			Region:  e.region,
			Created: aws.ToTime(answer.CreatedDate),
		},
		Value: valueOf(answer.SecretString, answer.SecretBinary),
	}, nil
}

func inputOf(ref source.Ref) *secretsmanager.GetSecretValueInput {
	input := &secretsmanager.GetSecretValueInput{SecretId: aws.String(ref.SecretID)}
	if ref.VersionID != "" {
		input.VersionId = aws.String(ref.VersionID)
	} else {
		input.VersionStage = aws.String(stageOf(ref))
	}
	return input
}

func valueOf(text *string, binary []byte) source.Value {
	if text != nil {
		return source.TextValue(*text)
	}
	return source.BinaryValue(binary)
}

// nameKey adds the key's name, which DescribeSecret returns, to the explanation of a KMS denial. The call has the identity
// that signed it, as the explanation names the reader.
func (e *endpoint) nameKey(ctx context.Context, c refusal.Call, err error) error {
	key, known := "", false
	if !e.denied.recall(c.Ref.SecretID) {
		answer, describeErr := e.describe(ctx, source.VersionQuery{Ref: c.Ref, MaxAge: describedLasts})
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		key, known = answer.kmsKey, describeErr == nil
	}
	var named *source.Error
	switch {
	case !known:
		named = c.KMSDenied("", " (allow secretsmanager:DescribeSecret to see its name here)")
	case key == "":
		named = c.KMSDenied("", " (the AWS managed key aws/secretsmanager, which cannot be used from another account: "+
			"a secret that is shared needs a customer managed key)")
	default:
		named = c.KMSDenied(key, "")
	}
	if refused, ok := errors.AsType[*source.Error](err); ok {
		named.Cause = refused.Cause
	}
	return named
}
