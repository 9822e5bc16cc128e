package aws

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

const (
	// sweepPatience is how old an answer must be allowed to be for ListSecrets to be asked: it may lag
	// five minutes itself (page "ListSecrets"), so that only those that poll no more often use it.
	sweepPatience = 30 * time.Second
	// sweepLeast is how many secrets must be polled for a sweep to be tried.
	sweepLeast = 20
	// sweepPage is how many secrets a page of ListSecrets has at most.
	sweepPage = 100
	// sweepsRest is how long sweeps are given up after one that cost more calls than it spared, or was denied.
	sweepsRest = time.Hour
	// othersLast is how long a sweep keeps what it found of secrets that no query was about yet, and
	// maxOthers how many of them: after a start they are asked about one by one, all within an interval.
	othersLast, maxOthers = time.Minute, 20_000
	// sweptLasts is how long a secret without queries stays among those that are looked for.
	sweptLasts = 24 * time.Hour
)

// errDear says that an account has so many secrets that listing them costs more than it spares.
var errDear = errors.New("listing all secrets takes more calls than describing those that are polled")

// sweeps observe many secrets by listing all. What a sweep says is used where it says that nothing has
// changed, or where it is newer than all that is known, by its date: reading the value by its staging label
// confirms it. Any other difference may be a listing that lags behind; that is for DescribeSecret, which lags less.
type sweeps struct {
	e    *endpoint
	list *sharing.Cache[struct{}, struct{}]

	mutex sync.Mutex
	// found has what the last sweep said of each secret, by the id that is asked with; those that it
	// did not find have no ARN.
	found map[string]*swept
	// others has what it said of secrets that are not in found, by name and by ARN.
	others map[string]*swept
	// rests until a moment, after sweeps turned out to be no good; or until as many secrets are polled as
	// make it worth trying again.
	rests time.Time
	until int
}

type swept struct {
	described
	asked, listed time.Time
}

func newSweeps(e *endpoint) *sweeps {
	return &sweeps{
		e: e, found: map[string]*swept{}, others: map[string]*swept{},
		list: sharing.New[struct{}](e.s.options.Now, 24*time.Hour, 1, func(struct{}, struct{}) int { return 1 }),
	}
}

// resolve answers where a sweep that is new enough says that the version is the one in the Secret, or was
// until now.
func (w *sweeps) resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, bool) {
	if query.MaxAge < sweepPatience || query.Synced.ID == "" || query.VersionID != "" || !w.expect(query.SecretID) {
		return source.Resolution{}, false
	}
	if _, err := w.list.Ask(ctx, struct{}{}, query.MaxAge, w.sweep); err != nil {
		return source.Resolution{}, false
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	entry := w.found[query.SecretID]
	if entry == nil || entry.arn == "" {
		return source.Resolution{}, false
	}
	version, err := entry.version(query.Ref, w.e.s.options.Now())
	if err != nil || version.ARN != query.Synced.ARN || !w.e.agrees(query, entry.described, version) {
		return source.Resolution{}, false
	}
	if version.ID != query.Synced.ID {
		w.e.newest.follow(query.SecretID, entry.described)
	}
	return source.Resolution{Version: version, Listed: true}, true
}

// agrees says whether what a listing says of a secret fits to all that is known of it: it has the synced version or is
// newer, is newer than a description that has another, and shows what events were about.
func (e *endpoint) agrees(query source.VersionQuery, listed described, version source.Version) bool {
	newer := query.Synced.Region == e.region && olderThan(query.Synced.Changed, listed.changed)
	if version.ID != query.Synced.ID && !newer || e.s.expected.later(listed) {
		return false
	}
	known, is := e.newest.of(query.SecretID)
	return !is || olderThan(known.changed, listed.changed) || known.carrier(stageOf(query.Ref)) == version.ID
}

// expect puts a secret among those that sweeps look for, and says whether a sweep is worth while.
func (w *sweeps) expect(secretID string) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	now := w.e.s.options.Now()
	entry := w.found[secretID]
	if entry == nil {
		if entry = w.others[secretID]; entry == nil {
			entry = &swept{}
		}
		w.found[secretID] = entry
	}
	entry.asked = now
	return len(w.found) >= sweepLeast && (!now.Before(w.rests) || len(w.found) >= w.until)
}

// sweep lists all secrets of the region.
func (w *sweeps) sweep(ctx context.Context) (struct{}, error) {
	err := w.pages(ctx)
	switch {
	case errors.Is(err, errDear):
		w.rest(2)
	case source.KindOf(err) == source.AccessDenied:
		w.rest(never)
	}
	return struct{}{}, err
}

// never is a growth that does not come.
const never = 1_000_000

// rest gives sweeps up for a while, or until that many times as many secrets are polled.
func (w *sweeps) rest(growth int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.rests = w.e.s.options.Now().Add(sweepsRest)
	w.until = growth * len(w.found)
}

func (w *sweeps) pages(ctx context.Context) error {
	most := w.begin()
	input := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(sweepPage)}
	began := w.e.s.options.Now()
	for range most {
		output, err := call(ctx, w.e, apiCall{Call: refusal.Call{Operation: listSecrets, Region: w.e.region}, routine: true}, (*secretsmanager.Client).ListSecrets, input)
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

// begin forgets secrets that are not polled any more, and gives how many pages a sweep may have to cost
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
	name, arn := aws.ToString(entry.Name), aws.ToString(entry.ARN)
	known := false
	for _, id := range []string{name, arn, arns.Partial(arn)} {
		wanted := w.found[id]
		if wanted == nil {
			continue
		}
		known = true
		if !wanted.listed.Equal(began) { // One entry may stand under two ids.
			wanted.described, wanted.listed = describe(w.e.region, entry), began
		}
	}
	if !known && len(w.others) < 2*maxOthers {
		other := &swept{described: describe(w.e.region, entry), listed: began}
		w.others[name], w.others[arn] = other, other
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
	time.AfterFunc(othersLast, w.forgetOthers)
}

func (w *sweeps) forgetOthers() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.others = map[string]*swept{}
}
