package secretsync

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
)

// observe asks which version the source points at, without reading the value.
func (c *Controller) observe(ctx context.Context, p *pass) error {
	observation, err := c.Source.Observe(ctx, c.question(p))
	if err != nil {
		return err
	}
	p.observation = observation
	p.observed = true
	if c.inSync(p) {
		p.done = true
	}
	return nil
}

// question lets a poll share the answer to somebody else's. An edit of the spec and a request for a
// refresh want to know how things are now.
func (c *Controller) question(p *pass) source.Question {
	question := source.Question{Ref: p.ref}
	if synced := p.synced(); synced != nil {
		question.Synced = source.Version{ARN: synced.ARN, ID: synced.VersionID}
		if made := synced.VersionCreatedTime; made != nil {
			question.Synced.Created = made.Time
		}
	}
	question.Routine = p.trigger == triggerPoll && writtenBySpec(p.sync)
	if p.trigger == triggerPoll || p.trigger == triggerDrift && !refreshRequested(p.sync) {
		question.MaxAge = time.Duration(sharedPart * float64(c.interval(p.sync)))
	}
	return question
}

// inSync says whether the Secret already holds the version observed, written by the present spec.
func (c *Controller) inSync(p *pass) bool {
	synced := p.synced()
	return p.trigger != triggerDrift && synced != nil && writtenBySpec(p.sync) &&
		synced.ARN == p.observation.Version.ARN && synced.VersionID == p.observation.Version.ID
}

// fetch reads the value, unless observing had to do so.
func (c *Controller) fetch(ctx context.Context, p *pass) error {
	if value := p.observation.Value; value != nil {
		p.fetched = source.Fetched{Version: p.observation.Version, Value: *value}
		return nil
	}
	fetched, err := c.Source.Fetch(ctx, p.ref, p.observation.Version)
	p.fetched = fetched
	return err
}

// render makes the keys of the Secret from the value.
func (c *Controller) render(_ context.Context, p *pass) error {
	data, err := render.Render(p.fetched.Value, p.sync.Spec.Data)
	if err != nil {
		return err
	}
	if err := render.CheckType(p.sync.Spec.Target.TypeOrDefault(), data); err != nil && !p.sync.Spec.Target.Merges() {
		return err
	}
	p.data, p.keys = data, slices.Sorted(maps.Keys(data))
	return render.CheckSize(data)
}
