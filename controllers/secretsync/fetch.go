package secretsync

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// inputsAtOnce bounds how many inputs of one SecretSync are asked for at the same time: they share
	// the room that an identity has with those of others.
	inputsAtOnce = 4
	// settleRounds is how often several inputs are read again because a staging label has moved meanwhile.
	settleRounds = 3
	// settleAfter is how long to wait then: whoever moves labels so fast will soon be done.
	settleAfter = time.Second
)

// observe asks which versions the sources point at, without reading the values.
func (c *Controller) observe(ctx context.Context, p *pass) error {
	if err := c.find(ctx, p); err != nil {
		return err
	}
	if err := c.look(ctx, p, 0, p.inputs, c.question(p)); err != nil {
		return err
	}
	if err := c.lookBack(ctx, p); err != nil {
		return err
	}
	p.observed = true
	if p.done = c.inSync(p); p.done {
		return nil
	}
	var err error
	p.done, err = c.previewed(ctx, p)
	return err
}

// question is what to ask AWS.
func (c *Controller) question(p *pass) source.Question {
	return source.Question{Routine: p.trigger == triggerPoll && writtenBySpec(p.sync), MaxAge: c.maxAge(p)}
}

// look asks the question about each of these inputs, the first of which has that place among all.
func (c *Controller) look(ctx context.Context, p *pass, place int, inputs []*input, question source.Question) error {
	return each(ctx, inputs, func(ctx context.Context, n int, one *input) error {
		asked, synced := question, p.synced(place+n, one)
		asked.Ref = one.ref
		if synced != nil {
			asked.Synced = source.Version{ARN: synced.ARN, ID: synced.VersionID, Created: madeAt(synced)}
		}
		observation, err := c.Source.Observe(ctx, asked)
		one.absent = one.lacks(err, synced != nil && synced.VersionID != "")
		if one.absent {
			observation, err = source.Observation{}, nil
		}
		one.observation = observation
		return err
	})
}

// lacks says whether an error means that the input is not there and nobody minds. A secret that was synced
// and is gone is minded even where it is optional: a deletion in AWS takes no key away. What find finds
// follows AWS both ways.
func (i *input) lacks(err error, synced bool) bool {
	switch source.KindOf(err) {
	case source.VersionNotFound:
		return i.optional || i.foundBy != nil
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
	if p.trigger == triggerDrift || !writtenBySpec(p.sync) || len(sources) != len(all) || p.sync.Status.PreviousUntil.IsZero() != p.until.IsZero() {
		return false
	}
	for n, one := range all {
		if version := one.observation.Version; sources[n].ARN != version.ARN || sources[n].VersionID != version.ID {
			return false
		}
	}
	return true
}

// fetch reads the values. Those of several inputs are used only as a combination that was current at one
// moment: each was at its version before they were read, and each still is after the last one was.
func (c *Controller) fetch(ctx context.Context, p *pass) error {
	for range settleRounds {
		if err := each(ctx, p.all(), c.read); err != nil {
			return err
		}
		settled, err := c.settled(ctx, p)
		if err == nil && settled {
			settled, err = c.lookedBack(ctx, p)
		}
		if err != nil || settled {
			return err
		}
	}
	return &source.Error{Kind: source.Busy, RetryAfter: settleAfter, Explanation: fmt.Sprintf(
		"staging labels of the %d versions that the Secret is made of move while they are read: trying again", len(p.all()))}
}

// read reads the value of an input, unless observing had to do so.
func (c *Controller) read(ctx context.Context, _ int, one *input) error {
	if one.absent {
		one.fetched = source.Fetched{}
		return nil
	}
	if value := one.observation.Value; value != nil {
		one.fetched = source.Fetched{Version: one.observation.Version, Value: *value}
		return nil
	}
	fetched, err := c.Source.Fetch(ctx, one.ref, one.observation.Version)
	one.fetched = fetched
	return err
}

// settled looks again whether the inputs still are at the versions that were read.
func (c *Controller) settled(ctx context.Context, p *pass) (bool, error) {
	all := p.all()
	if len(all) < 2 {
		return true, nil
	}
	began := c.Clock.Now()
	if err := c.look(ctx, p, 0, p.inputs, source.Question{}); err != nil {
		return false, err
	}
	// What was found since this began will do.
	if err := c.look(ctx, p, len(p.inputs), p.former, source.Question{MaxAge: c.Clock.Now().Sub(began)}); err != nil {
		return false, err
	}
	for _, one := range all {
		if one.observation.Version.ARN != one.fetched.Version.ARN || one.observation.Version.ID != one.fetched.Version.ID {
			return false, nil
		}
	}
	return true, nil
}
