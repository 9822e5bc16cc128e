package resolve

import (
	"context"

	"github.com/secretsync/secretsync/controllers/source"
)

// maxRounds is how often inputs are read again because a staging label has moved meanwhile.
const maxRounds = 3

// Values reads the values of a set, and accepts them only as a combination that was current at one moment: each was at
// its version before they were read, and, where there are several, each still is after the last one was. A value of
// another version than was resolved is out of date, or the label has moved: AWS is asked which.
//
// Errors are those of the source, ErrTooLarge, and those of Consistency.
func (r *Resolver) Values(ctx context.Context, set *Set) error {
	for range maxRounds {
		err := each(ctx, set.All(), func(ctx context.Context, _ int, input *Input) error { return r.read(ctx, set, input) })
		if err != nil {
			return err
		}
		moved, err := r.resolveAgain(ctx, set)
		consistent := err == nil && set.consistent() && set.ofOneMoment(moved)
		if consistent {
			consistent, err = r.previousComplete(ctx, set)
			moved = true // There are more to be read.
		}
		if err != nil {
			return err
		}
		if consistent {
			set.request.Consistency.Reached()
			return nil
		}
		if !moved {
			break // The values are out of date; reading them again at once would not help.
		}
	}
	return set.inconsistent()
}

// read reads the value of an input, unless resolving its version had to. That AWS does not have the value of a version
// which it has just named is one more way to be out of date.
func (r *Resolver) read(ctx context.Context, set *Set, input *Input) error {
	input.Fetched, input.unread = source.Fetched{}, nil
	if input.Absent {
		set.hold(input, source.Value{})
		return nil
	}
	if value := input.Resolution.Value; value != nil {
		input.Fetched = source.Fetched{Version: input.Resolution.Version, Value: *value}
		return nil
	}
	if set.full() {
		return ErrTooLarge
	}
	fetched, err := r.Source.Fetch(ctx, input.Ref, input.Resolution.Version)
	if input.Ref.VersionID == "" && source.KindOf(err).Missing() {
		input.unread = err
		return nil
	}
	input.Fetched = fetched
	set.hold(input, fetched.Value)
	return err
}

// resolveAgain asks once more which versions the inputs are at, where there are several or one was read at another
// version, and says whether any has moved since.
func (r *Resolver) resolveAgain(ctx context.Context, set *Set) (moved bool, err error) {
	all := set.All()
	if len(all) == 1 && set.consistent() {
		return false, nil
	}
	before := make([]source.Version, len(all))
	for n, input := range all {
		before[n] = input.Resolution.Version
	}
	began := r.Clock.Now()
	if err := r.resolve(ctx, set, 0, set.Inputs, source.VersionQuery{}); err != nil {
		return false, err
	}
	// What was found since this began will do.
	if err := r.resolve(ctx, set, len(set.Inputs), set.Former, source.VersionQuery{MaxAge: r.Clock.Now().Sub(began)}); err != nil {
		return false, err
	}
	for n, input := range all {
		moved = moved || input.Resolution.Version.ARN != before[n].ARN || input.Resolution.Version.ID != before[n].ID
	}
	return moved, nil
}
