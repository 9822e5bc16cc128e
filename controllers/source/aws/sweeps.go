package aws

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// sweepPatience is how old an answer must be allowed to be for ListSecrets to be asked: it may lag
	// five minutes itself (page "ListSecrets"), so that only those who poll as seldom use it.
	sweepPatience = 30 * time.Second
	// sweepLeast is how many secrets must be polled for a sweep to be tried.
	sweepLeast = 20
	// sweepPage is how many secrets a page of ListSecrets has at most.
	sweepPage = 100
	// sweepsRest is how long sweeps are given up after one that cost more calls than it spared, or was denied.
	sweepsRest = time.Hour
	// sweptLasts is how long a secret that nobody asks about stays among those that are looked for.
	sweptLasts = 24 * time.Hour
)

// errDear says that an account has so many secrets that listing them costs more than it spares.
var errDear = errors.New("listing all secrets takes more calls than describing those that are polled")

// sweeps observe many secrets by listing all. What a sweep says is used only where it says that nothing
// has changed; everything else is for DescribeSecret, which does not lag.
type sweeps struct {
	e    *endpoint
	list *sharing[struct{}, struct{}]

	mutex sync.Mutex
	// found has what the last sweep said of each secret, by the id that is asked with; those that it
	// did not find have no ARN.
	found map[string]*swept
	// rests until a moment, after sweeps turned out to be no good.
	rests time.Time
}

type swept struct {
	described
	asked, listed time.Time
}

func newSweeps(e *endpoint) *sweeps {
	return &sweeps{
		e: e, found: map[string]*swept{},
		list: newSharing[struct{}](e.s.options.Now, 24*time.Hour, 1, func(struct{}, struct{}) int { return 1 }),
	}
}

// observe answers where a sweep that is new enough says that the version is the one in the Secret.
func (w *sweeps) observe(ctx context.Context, question source.Question) (source.Observation, bool) {
	if question.MaxAge < sweepPatience || question.Synced.ID == "" || question.VersionID != "" || !w.expect(question.SecretID) {
		return source.Observation{}, false
	}
	if _, err := w.list.ask(ctx, struct{}{}, question.MaxAge, w.sweep); err != nil {
		return source.Observation{}, false
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	entry := w.found[question.SecretID]
	if entry == nil || entry.arn == "" {
		return source.Observation{}, false
	}
	version, err := entry.version(question.Ref, w.e.s.options.Now())
	unchanged := err == nil && version.ARN == question.Synced.ARN && version.ID == question.Synced.ID
	return source.Observation{Version: version, Swept: true}, unchanged
}

// expect puts a secret among those that sweeps look for, and says whether a sweep is worth while.
func (w *sweeps) expect(secretID string) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	now := w.e.s.options.Now()
	entry := w.found[secretID]
	if entry == nil {
		entry = &swept{}
		w.found[secretID] = entry
	}
	entry.asked = now
	return len(w.found) >= sweepLeast && !now.Before(w.rests)
}

// sweep lists all secrets of the region.
func (w *sweeps) sweep(ctx context.Context) (struct{}, error) {
	err := w.pages(ctx)
	if errors.Is(err, errDear) || source.KindOf(err) == source.AccessDenied {
		w.mutex.Lock()
		w.rests = w.e.s.options.Now().Add(sweepsRest)
		w.mutex.Unlock()
	}
	return struct{}{}, err
}

func (w *sweeps) pages(ctx context.Context) error {
	most := w.begin()
	input := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(sweepPage)}
	began := w.e.s.options.Now()
	for range most {
		output, err := call(ctx, w.e, question{operation: listSecrets, region: w.e.region}, (*secretsmanager.Client).ListSecrets, input)
		if err != nil {
			return err
		}
		for i := range output.SecretList {
			w.note(&output.SecretList[i], began)
		}
		if output.NextToken == nil {
			w.end(began)
			return nil
		}
		input.NextToken = output.NextToken
	}
	return errDear
}

// begin forgets secrets that nobody polls any more, and gives how many pages a sweep may have to cost
// half of what it spares.
func (w *sweeps) begin() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	now := w.e.s.options.Now()
	for id, entry := range w.found {
		if now.Sub(entry.asked) > sweptLasts {
			delete(w.found, id)
		}
	}
	return max(1, len(w.found)/2)
}

// note keeps what a sweep says of a secret, under each id that it is asked about by.
func (w *sweeps) note(entry *types.SecretListEntry, began time.Time) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	arn := aws.ToString(entry.ARN)
	for _, id := range []string{aws.ToString(entry.Name), arn, partialARN(arn)} {
		if wanted := w.found[id]; wanted != nil {
			wanted.described, wanted.listed = listedBy(entry, w.e.region), began
		}
	}
}

// end forgets what an earlier sweep said of secrets that this one did not find: they may be deleted.
func (w *sweeps) end(began time.Time) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, entry := range w.found {
		if entry.listed.Before(began) {
			entry.described = described{}
		}
	}
}
