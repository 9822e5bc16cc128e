package resolve

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/controllers/source"
)

// inputsAtOnce bounds how many inputs of one SecretSync are asked for at the same time: they share the concurrency of
// an identity with those of other SecretSyncs.
const inputsAtOnce = 4

// Versions asks which versions the inputs of a spec are at. No value is read, unless AWS allows no other call. The set
// is given with an error too: it says what AWS has answered until then.
//
// Errors are those of the source, and ErrTooLarge.
func (r *Resolver) Versions(ctx context.Context, request Request) (*Set, error) {
	set := NewSet(request)
	if err := r.find(ctx, set); err != nil {
		return set, err
	}
	if err := r.resolveSince(ctx, set, 0, set.Inputs, r.query(set), request.Began); err != nil {
		return set, err
	}
	if err := r.resolvePrevious(ctx, set); err != nil {
		return set, err
	}
	set.Answered = true
	return set, nil
}

// resolve asks the query about each of these inputs, the first of which has that place among all.
func (r *Resolver) resolve(ctx context.Context, set *Set, place int, inputs []*Input, query source.VersionQuery) error {
	return r.resolveSince(ctx, set, place, inputs, query, time.Time{})
}

// resolveSince does so too. What was found for one input since a moment serves the others, however new an answer has
// to be: many inputs that AWS refuses for one reason cost one call.
func (r *Resolver) resolveSince(ctx context.Context, set *Set, place int, inputs []*Input, query source.VersionQuery, since time.Time) error {
	return each(ctx, inputs, func(ctx context.Context, n int, input *Input) error {
		asked, synced := query, set.Synced(place+n, input)
		if !since.IsZero() {
			asked.MaxAge = max(asked.MaxAge, min(r.Clock.Now().Sub(since), MaxSharedAge))
		}
		asked.Ref = input.Ref
		if synced != nil {
			asked.Synced = VersionOf(synced)
		}
		if set.full() {
			return ErrTooLarge
		}
		resolution, err := r.Source.Resolve(ctx, asked)
		if resolution.Value != nil {
			set.hold(input, *resolution.Value)
		}
		return input.resolved(resolution, err, asked.Synced)
	})
}

// resolved takes an answer of AWS. An optional input that is not there is no error, unless it is in the Secret: what is
// there is not taken away by an answer that may be out of date.
func (i *Input) resolved(resolution source.Resolution, err error, synced source.Version) error {
	i.Outdated = resolution.Outdated || source.IsOutdated(err)
	i.Absent, i.Uncertain = i.mayLack(err, synced.ID != ""), resolution.Uncertain
	switch {
	case i.Absent && i.Outdated && synced.ID != "":
		i.Absent, i.Uncertain, resolution, err = false, true, source.Resolution{Version: synced}, nil
	case i.Absent:
		resolution, err = source.Resolution{}, nil
	}
	i.Resolution = resolution
	return err
}

// mayLack says whether an error means that the input is not there and need not be. A secret that was synced and is
// missing is reported even where it is optional: a deletion in AWS takes no key away. What find finds follows AWS both
// ways.
func (i *Input) mayLack(err error, synced bool) bool {
	kind := source.KindOf(err)
	switch {
	case !kind.Missing():
		return false
	case i.FoundBy != nil:
		return true
	case kind == source.SecretPendingDeletion:
		return false
	}
	return i.Optional && (kind == source.VersionNotFound || !synced)
}

// each does something with all inputs, some at a time, and gives the error of the first that has one which says more
// than that AWS was not asked.
func each(ctx context.Context, inputs []*Input, do func(ctx context.Context, n int, input *Input) error) error {
	if len(inputs) == 1 {
		return do(ctx, 0, inputs[0])
	}
	errs := make([]error, len(inputs))
	var group errgroup.Group
	group.SetLimit(inputsAtOnce)
	for n, input := range inputs {
		group.Go(func() error {
			errs[n] = do(ctx, n, input)
			return nil
		})
	}
	_ = group.Wait() // All errors are in errs.
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || source.KindOf(first) == source.Busy) {
			first = err
		}
	}
	return first
}
