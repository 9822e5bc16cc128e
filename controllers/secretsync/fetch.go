package secretsync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// inputsAtOnce bounds how many inputs of one SecretSync are asked for at the same time: they share
	// the room that an identity has with those of others.
	inputsAtOnce = 4
	// settleRounds is how often inputs are read again because a staging label has moved meanwhile.
	settleRounds = 3
	// settleAfter is how long to wait then, doubled each time up to settleMost, and settleTries how often in a row
	// it goes unreported that values are of other versions, unreadTries that there are none: AWS is eventually
	// consistent, and some seconds late at most.
	settleAfter, settleMost, settleTries, unreadTries = time.Second, 16 * time.Second, 8, 3
	// holdMost is the longest wait where it is not known which versions hold: that ends within some dozen seconds.
	holdMost = 4 * time.Second
)

// observe asks which versions the sources point at, without reading the values.
func (c *Controller) observe(ctx context.Context, p *pass) error {
	if err := c.find(ctx, p); err != nil {
		return err
	}
	if err := c.lookSince(ctx, p, 0, p.inputs, c.question(p), p.began); err != nil {
		return err
	}
	if err := c.lookBack(ctx, p); err != nil {
		return err
	}
	p.observed = true
	if p.done = c.inSync(p); p.done {
		p.memory.unsettled = 0
		return nil
	}
	if p.holds() {
		p.memory.unsettled++
		return p.later(holdMost) // Nothing else is published either before it is known how things are.
	}
	var err error
	p.done, err = c.previewed(ctx, p)
	return err
}

// holds says whether a version of before is held on to, as it is not known which one is right.
func (p *pass) holds() bool {
	return slices.ContainsFunc(p.all(), func(one *input) bool { return one.held })
}

// question is what to ask AWS.
func (c *Controller) question(p *pass) source.VersionQuery {
	return source.VersionQuery{Routine: p.trigger == triggerPoll && writtenBySpec(p.sync), MaxAge: c.maxAge(p)}
}

// look asks the question about each of these inputs, the first of which has that place among all.
func (c *Controller) look(ctx context.Context, p *pass, place int, inputs []*input, query source.VersionQuery) error {
	return c.lookSince(ctx, p, place, inputs, query, time.Time{})
}

// lookSince does so too. What was found for one input since a moment serves the others, however new an answer has to be:
// many that AWS refuses for one reason cost one call.
func (c *Controller) lookSince(ctx context.Context, p *pass, place int, inputs []*input, query source.VersionQuery, since time.Time) error {
	return each(ctx, inputs, func(ctx context.Context, n int, one *input) error {
		asked, synced := query, p.synced(place+n, one)
		if !since.IsZero() {
			asked.MaxAge = max(asked.MaxAge, min(c.Clock.Now().Sub(since), sharedNews))
		}
		asked.Ref = one.ref
		was := source.Version{}
		if synced != nil {
			was = versionIn(synced)
		}
		asked.Synced = was
		if p.full() {
			return c.giveUp(p)
		}
		resolution, err := c.Source.Resolve(ctx, asked)
		if resolution.Value != nil {
			p.carry(one, *resolution.Value)
		}
		one.behind = resolution.Outdated || source.IsOutdated(err)
		one.absent, one.held = one.lacks(err, was.ID != ""), resolution.Uncertain
		switch {
		case one.absent && one.behind && was.ID != "": // What is there is not taken away by an answer that may be out of date.
			one.absent, one.held, resolution, err = false, true, source.Resolution{Version: was}, nil
		case one.absent:
			resolution, err = source.Resolution{}, nil
		}
		one.observation = resolution
		return err
	})
}

// lacks says whether an error means that the input is not there and nobody minds. A secret that was synced
// and is gone is minded even where it is optional: a deletion in AWS takes no key away. What find finds
// follows AWS both ways.
func (i *input) lacks(err error, synced bool) bool {
	switch source.KindOf(err) {
	case source.VersionNotFound:
		return i.optional // As is what find finds.
	case source.SecretNotFound:
		return i.optional && !synced || i.foundBy != nil
	case source.SecretPendingDeletion:
		return i.foundBy != nil
	}
	return false
}

// each does something with all inputs, some at a time, and gives the error of the first that has one which
// says more than that AWS was not asked.
func each(ctx context.Context, inputs []*input, do func(ctx context.Context, n int, one *input) error) error {
	if len(inputs) == 1 {
		return do(ctx, 0, inputs[0])
	}
	problems := make([]error, len(inputs))
	var group errgroup.Group
	group.SetLimit(inputsAtOnce)
	for n, one := range inputs {
		group.Go(func() error {
			problems[n] = do(ctx, n, one)
			return nil
		})
	}
	_ = group.Wait() // They are all in problems.
	var first error
	for _, err := range problems {
		if err != nil && (first == nil || source.KindOf(first) == source.Busy) {
			first = err
		}
	}
	return first
}

// inSync says whether the Secret already holds the versions observed, written by the present spec.
func (c *Controller) inSync(p *pass) bool {
	all, sources := p.all(), p.before.Status.Sources
	if p.trigger == triggerDrift || p.trigger == triggerRestore || !writtenBySpec(p.sync) || len(sources) != len(all) || p.sync.Status.PreviousUntil.IsZero() != p.until.IsZero() {
		return false
	}
	for n, one := range all {
		if version := one.observation.Version; sources[n].ARN != version.ARN || sources[n].VersionID != version.ID {
			return false
		}
	}
	return true
}

// fetch reads the values, and uses them only as a combination that was current at one moment: each was at its
// version before they were read, and, where there are several, each still is after the last one was. A value of
// another version than was looked at is out of date, or the label has moved: AWS is asked which.
func (c *Controller) fetch(ctx context.Context, p *pass) error {
	for range settleRounds {
		err := each(ctx, p.all(), func(ctx context.Context, _ int, one *input) error { return c.read(ctx, p, one) })
		if err != nil {
			return err
		}
		moved, err := c.lookAgain(ctx, p)
		settled := err == nil && p.settled() && p.ofOneMoment(moved)
		if settled {
			settled, err = c.lookedBack(ctx, p)
			moved = true // There are more to be read.
		}
		if err != nil || settled {
			if settled {
				p.memory.unsettled = 0
			}
			return err
		}
		if !moved {
			break // The values are out of date; reading them again at once would not help.
		}
	}
	return p.unsettled()
}

// read reads the value of an input, unless observing had to do so. That AWS does not have the value of a version that
// it has just named is one more way to be out of date.
func (c *Controller) read(ctx context.Context, p *pass, one *input) error {
	one.fetched, one.unread = source.Fetched{}, nil
	if one.absent {
		p.carry(one, source.Value{})
		return nil
	}
	if value := one.observation.Value; value != nil {
		one.fetched = source.Fetched{Version: one.observation.Version, Value: *value}
		return nil
	}
	if p.full() {
		return c.giveUp(p)
	}
	fetched, err := c.Source.Fetch(ctx, one.ref, one.observation.Version)
	if one.ref.VersionID == "" && source.KindOf(err).Missing() {
		one.unread = err
		return nil
	}
	one.fetched = fetched
	p.carry(one, fetched.Value)
	return err
}

// lookAgain asks once more which versions the inputs are at, where there are several or one was read at another
// version, and says whether any has moved since.
func (c *Controller) lookAgain(ctx context.Context, p *pass) (moved bool, err error) {
	all := p.all()
	if len(all) == 1 && p.settled() {
		return false, nil
	}
	before := make([]source.Version, len(all))
	for n, one := range all {
		before[n] = one.observation.Version
	}
	began := c.Clock.Now()
	if err := c.look(ctx, p, 0, p.inputs, source.VersionQuery{}); err != nil {
		return false, err
	}
	// What was found since this began will do.
	if err := c.look(ctx, p, len(p.inputs), p.former, source.VersionQuery{MaxAge: c.Clock.Now().Sub(began)}); err != nil {
		return false, err
	}
	for n, one := range all {
		moved = moved || one.observation.Version.ARN != before[n].ARN || one.observation.Version.ID != before[n].ID
	}
	return moved, nil
}

// settled says whether all inputs were read at the versions that they are at, which is known of each.
func (p *pass) settled() bool {
	return !p.holds() && !slices.ContainsFunc(p.all(), func(one *input) bool { return !one.settled() })
}

// ofOneMoment says whether there was a moment at which all that was looked at last was so: each secret was in one state,
// by its date, and, where there are several secrets, none has moved between the looks before the values were read and
// those after. Labels that move back and forth may be found at the same version twice.
func (p *pass) ofOneMoment(moved bool) bool {
	if p.leftBehind() && p.memory.unsettled < settleTries {
		return false
	}
	changed := map[string]time.Time{}
	for _, one := range p.all() {
		version := one.observation.Version
		if version.Changed.IsZero() {
			if moved && len(p.all()) > 1 {
				return false // Nothing but the versions tells.
			}
			continue
		}
		known, again := changed[version.ARN]
		// Where an answer is older than status, the date is the one that status has of that label: dates that stay apart do
		// not hold the pass up for good.
		if again && !known.Equal(version.Changed) && p.memory.unsettled < settleTries {
			return false
		}
		changed[version.ARN] = version.Changed
	}
	return !moved || len(changed) <= 1
}

func (i *input) settled() bool {
	return i.unread == nil && i.observation.Version.ARN == i.fetched.Version.ARN && i.observation.Version.ID == i.fetched.Version.ID
}

// unsettled puts the pass off where values and versions do not fit together, and reports it once that has lasted.
func (p *pass) unsettled() error {
	p.memory.unsettled++
	tries, all := p.memory.unsettled, p.all()
	place := slices.IndexFunc(all, func(one *input) bool { return !one.settled() })
	if place < 0 || p.holds() {
		return p.later(holdMost)
	}
	one := all[place]
	switch {
	case one.unread != nil && (tries >= unreadTries && !one.behind || tries >= settleTries):
		return one.unread
	case one.unread != nil || tries < settleTries:
		return p.later(settleMost)
	}
	return &failure{reason: v1alpha1.ReasonSourceFailed, heals: byTime, message: fmt.Sprintf(
		"AWS says that secret %s is at version %s, and gives the value of version %s: it is read again until the two agree; if it lasts, "+
			"compare what DescribeSecret and GetSecretValue say of it", one.ref.SecretID, one.observation.Version.ID, one.fetched.Version.ID)}
}

// later puts the pass off, for longer each time.
func (p *pass) later(most time.Duration) error {
	after := min(settleAfter<<min(p.memory.unsettled-1, 10), most)
	return &source.Error{Kind: source.Busy, RetryAfter: after, Explanation: "AWS does not say the same of versions and of their values yet: trying again"}
}
