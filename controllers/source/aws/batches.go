package aws

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

const (
	// batchMost is how many secrets one BatchGetSecretValue reads (its page in the API Reference).
	batchMost = 20
	// batchIdle ends the gathering of a batch when no other request has come for that long, batchLongest
	// in any case: a batch is worth waiting for, but no user should notice.
	batchIdle, batchLongest = 40 * time.Millisecond, 200 * time.Millisecond
	// batchLull is how long no request must have come for the next one to be read by itself, without a wait.
	batchLull = 100 * time.Millisecond
)

// batches gathers requests for values that come close upon each other into one call.
type batches struct {
	// read reads a batch and closes each of its requests.
	read func(context.Context, []*valueRequest)

	mutex     sync.Mutex
	gathering []*valueRequest
	began     time.Time
	last      time.Time
	timer     *time.Timer
}

// valueRequest is a secret whose current value a caller waits for.
type valueRequest struct {
	ctx context.Context
	ref source.Ref
	// done is closed once the fields below it are set.
	done    chan struct{}
	fetched source.Fetched
	err     error
	// alone asks the one who waits to read the value by itself.
	alone bool
}

// join gathers a request into a batch, or gives nil to one that comes alone and need not wait.
func (b *batches) join(ctx context.Context, ref source.Ref) *valueRequest {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	now := time.Now()
	lone := len(b.gathering) == 0 && now.Sub(b.last) > batchLull
	b.last = now
	if lone {
		return nil
	}
	r := &valueRequest{ctx: ctx, ref: ref, done: make(chan struct{})}
	if len(b.gathering) == 0 {
		b.began = now
		b.timer = time.AfterFunc(batchIdle, b.close)
	} else {
		b.timer.Reset(max(0, min(batchIdle, batchLongest-now.Sub(b.began))))
	}
	b.gathering = append(b.gathering, r)
	if len(b.gathering) == batchMost {
		b.send()
	}
	return r
}

// close ends the gathering of a batch that did not fill up.
func (b *batches) close() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(b.gathering) > 0 {
		b.send()
	}
}

func (b *batches) send() {
	b.timer.Stop()
	full := b.gathering
	b.gathering = nil
	go b.read(context.WithoutCancel(full[0].ctx), full)
}

// readBatch reads the values of many secrets at once. What AWS refuses of a batch is read alone: only
// GetSecretValue explains itself in full.
func (e *endpoint) readBatch(ctx context.Context, batch []*valueRequest) {
	if len(batch) == 1 {
		batch[0].alone = true
		close(batch[0].done)
		return
	}
	input := &secretsmanager.BatchGetSecretValueInput{}
	for _, r := range batch {
		input.SecretIdList = append(input.SecretIdList, r.ref.SecretID)
	}
	c := apiCall{Call: refusal.Call{Operation: batchGetSecretValue, Region: e.region}} // No refusal that names a secret is handed on.
	output, err := call(ctx, e, c, (*secretsmanager.Client).BatchGetSecretValue, input)
	kind := source.KindOf(err)
	if kind == source.AccessDenied {
		e.unbatched.remember(batchGetSecretValue)
	}
	if err != nil && !kind.OfCaller() { // One request that AWS does not understand, or an answer that was cut, fails them all.
		err, output = nil, &secretsmanager.BatchGetSecretValueOutput{}
	}
	for _, r := range batch {
		if r.err = err; err == nil {
			r.fetched, r.alone = e.pickValue(output.SecretValues, r.ref)
		}
		close(r.done)
	}
}

// wait waits until a request is settled, or its caller gives up.
func (r *valueRequest) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pickValue finds the value of a secret in a batch, by whatever the secret was called.
func (e *endpoint) pickValue(values []types.SecretValueEntry, ref source.Ref) (fetched source.Fetched, missing bool) {
	for i := range values {
		entry := &values[i]
		if !names(ref.SecretID, aws.ToString(entry.ARN), aws.ToString(entry.Name)) {
			continue
		}
		version := source.Version{
			ARN: aws.ToString(entry.ARN), ID: aws.ToString(entry.VersionId), Stages: entry.VersionStages, Region: e.region,
			Created: aws.ToTime(entry.CreatedDate),
		}
		return source.Fetched{Version: version, Value: valueOf(entry.SecretString, entry.SecretBinary)}, false
	}
	return source.Fetched{}, true
}

// names says whether a secret id means the secret of that ARN and name.
func names(secretID, arn, name string) bool {
	return secretID == name || secretID == arn || secretID == arns.Partial(arn)
}
