package secretsync

import (
	"context"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// stagePrevious is the staging label that AWS moves to the version that AWSCURRENT leaves.
	stagePrevious = "AWSPREVIOUS"
	// defaultSuffix is put behind the names of keys for their former values.
	defaultSuffix = "_previous"
)

// lookBack asks which versions were current before a rotation, for as long as keepPrevious keeps them. AWS
// need not have any.
func (c *Controller) lookBack(ctx context.Context, p *pass) error {
	p.until = c.keptUntil(p)
	if p.until.IsZero() {
		return nil
	}
	for _, one := range p.inputs {
		if one.ref.VersionStage != v1alpha1.DefaultVersionStage || one.absent {
			continue
		}
		ref := one.ref
		ref.VersionStage = stagePrevious
		p.former = append(p.former, &input{ref: ref, optional: true})
		one.before = p.former[len(p.former)-1]
	}
	question := c.question(p)
	question.Routine = false // A rotation has happened: its other half is not to wait.
	return c.look(ctx, p, len(p.inputs), p.former, question)
}

// keptUntil is when former values are to be taken out; zero where there are none to keep.
func (c *Controller) keptUntil(p *pass) time.Time {
	keep, now := p.sync.Spec.KeepPrevious, c.Clock.Now()
	if keep == nil {
		return time.Time{}
	}
	for n, one := range p.inputs {
		synced, version := p.synced(n, one), one.observation.Version
		if one.fetched.Version.ID != "" {
			version = one.fetched.Version
		}
		if one.ref.VersionStage == v1alpha1.DefaultVersionStage && synced != nil && synced.VersionID != "" &&
			synced.ARN == version.ARN && synced.VersionID != version.ID {
			return now.Add(keep.For.Duration)
		}
	}
	if until := p.before.Status.PreviousUntil; until != nil && now.Before(until.Time) {
		return until.Time
	}
	return time.Time{}
}

// lookedBack says whether former values were looked for as they have to be: a rotation may have come since. The
// time that they stay begins anew then; where none were to stay before, they are still to be read.
func (c *Controller) lookedBack(ctx context.Context, p *pass) (bool, error) {
	until := c.keptUntil(p)
	switch {
	case !until.After(p.until):
		return true, nil
	case p.until.IsZero():
		return false, c.lookBack(ctx, p)
	}
	p.until = until
	return true, nil
}

// withPrevious adds the former values under names of their own. A former version that has not what the
// spec asks for is left out, as is one that could not be published itself, or not beside the present one: it must
// not keep the present one, which may mend it, from being published.
func withPrevious(p *pass, data map[string][]byte) (map[string][]byte, error) {
	if len(p.former) == 0 {
		return data, nil
	}
	spec := forFormer(&p.sync.Spec)
	former, err := render.Render(spec, materialOf(p, func(one *input) *source.Value {
		if one.before == nil || one.before.absent {
			return nil
		}
		return &one.before.fetched.Value
	}))
	if err != nil || publishable(spec, former) != nil {
		return data, nil //nolint:nilerr // As the comment above says.
	}
	suffix := spec.KeepPrevious.Suffix
	if suffix == "" {
		suffix = defaultSuffix
	}
	both, err := render.WithPrevious(data, former, suffix)
	if err != nil {
		return nil, err
	}
	if publishable(&p.sync.Spec, both) != nil {
		return data, nil
	}
	return both, nil
}

// forFormer is a spec that takes what there is.
func forFormer(spec *v1alpha1.SecretSyncSpec) *v1alpha1.SecretSyncSpec {
	lenient := spec.DeepCopy()
	for i := range lenient.Data {
		lenient.Data[i].Optional = true
	}
	for i := range lenient.DataFrom {
		lenient.DataFrom[i].Optional = true
	}
	if lenient.Guards != nil {
		lenient.Guards.RequiredKeys = nil
	}
	return lenient
}
