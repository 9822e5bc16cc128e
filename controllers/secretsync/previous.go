package secretsync

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
)

// stagePrevious is the staging label that AWS moves to the version that AWSCURRENT leaves.
const stagePrevious = "AWSPREVIOUS"

// lookBack asks which versions were current before a rotation, for as long as keepPrevious keeps them. AWS
// need not have any.
func (c *Controller) lookBack(ctx context.Context, p *pass) error {
	p.until = c.keptUntil(p)
	if p.until.IsZero() {
		return nil
	}
	c.listFormer(p)
	query := c.question(p)
	query.Routine = false // A rotation has happened: its other half is not to wait.
	return c.look(ctx, p, len(p.inputs), p.former, query)
}

// listFormer lists the versions before those of the secrets that have rotated: now, or so lately that the Secret
// has them. What others had before a rotation of their own is over, and does not come back. It says whether there
// are more than before.
func (c *Controller) listFormer(p *pass) (more bool) {
	known := len(p.former)
	p.former = nil
	for n, one := range p.inputs {
		if one.absent || one.before == nil && !p.rotates(n, one) && !c.hasFormer(p, one) {
			continue
		}
		if one.before == nil {
			ref := one.ref
			ref.VersionStage = stagePrevious
			one.before = &input{ref: ref, optional: true}
		}
		p.former = append(p.former, one.before)
	}
	return len(p.former) > known
}

// rotates says whether an input is at another version of the same secret than the Secret.
func (p *pass) rotates(place int, one *input) bool {
	synced, version := p.synced(place, one), one.observation.Version
	if one.fetched.Version.ID != "" {
		version = one.fetched.Version
	}
	return one.ref.VersionStage == v1alpha1.DefaultVersionStage && synced != nil && synced.VersionID != "" &&
		synced.ARN == version.ARN && synced.VersionID != version.ID
}

// hasFormer says whether the Secret has a former version of an input still.
func (c *Controller) hasFormer(p *pass, one *input) bool {
	status := &p.before.Status
	return one.ref.VersionStage == v1alpha1.DefaultVersionStage && status.PreviousUntil != nil && c.Clock.Now().Before(status.PreviousUntil.Time) &&
		slices.ContainsFunc(status.Sources, func(in v1alpha1.SourceStatus) bool {
			return in.SecretID == one.ref.SecretID && in.VersionStage == stagePrevious
		})
}

// keptUntil is when former values are to be taken out; zero where there are none to keep.
func (c *Controller) keptUntil(p *pass) time.Time {
	keep, now := p.sync.Spec.KeepPrevious, c.Clock.Now()
	if keep == nil {
		return time.Time{}
	}
	for n, one := range p.inputs {
		if p.rotates(n, one) {
			return now.Add(keep.For.Duration)
		}
	}
	if until := p.before.Status.PreviousUntil; until != nil && now.Before(until.Time) {
		return until.Time
	}
	return time.Time{}
}

// leftBehind says whether AWSPREVIOUS of a secret is on a version which it is not on beside the present one, as far as
// the values tell: on the same one, or, after a rotation, still where it was, or on one from before the one that
// AWSCURRENT has left. AWS moves the two together (page "UpdateSecretVersionStage"), so that one of the answers is out of
// date, unless labels were moved by hand in between; without dates nothing tells which.
func (p *pass) leftBehind() bool {
	for n, one := range p.inputs {
		if one.before == nil || one.before.absent || !one.observation.Version.Changed.IsZero() {
			continue
		}
		former := one.before.observation.Version
		if former.ID == one.observation.Version.ID || p.rotates(n, one) && fromBefore(former, p.synced(n, one), p.synced(n, one.before)) {
			return true
		}
	}
	return false
}

// fromBefore says whether a former version was one before the version that was left, by what status knows of both labels.
func fromBefore(former source.Version, left, kept *v1alpha1.SourceStatus) bool {
	stays := kept != nil && kept.VersionID == former.ID
	older := !former.Created.IsZero() && !former.Created.After(madeAt(left))
	return former.ID != left.VersionID && (stays || older)
}

// lookedBack says whether former values were looked for as they have to be: a rotation may have come since. The
// time that they stay begins anew then, and those that were not asked about are still to be read.
func (c *Controller) lookedBack(ctx context.Context, p *pass) (bool, error) {
	until := c.keptUntil(p)
	if !until.After(p.until) {
		return true, nil
	}
	p.until = until
	if !c.listFormer(p) {
		return true, nil
	}
	return false, c.look(ctx, p, len(p.inputs), p.former, source.VersionQuery{})
}

// formerOf is what an input was before the rotation: another version, or the same where it has not rotated. It is
// nil where that is not known, and for what does not follow AWSCURRENT.
func (p *pass) formerOf(place int, one *input) *input {
	switch synced := p.synced(place, one); {
	case one.before != nil:
		return one.before
	case one.ref.VersionStage == v1alpha1.DefaultVersionStage && synced != nil && synced.VersionID != "":
		return one
	}
	return nil
}

// withPrevious adds the former values under names of their own. A former version that has not what the
// spec asks for is left out, as is one that could not be published itself, or not beside the present one: it must
// not keep the present one, which may mend it, from being published.
func withPrevious(work render.Work, p *pass, data map[string][]byte) (map[string][]byte, error) {
	if !slices.ContainsFunc(p.former, func(one *input) bool { return !one.absent }) {
		return data, nil
	}
	former, err := renderFormer(work, p)
	if out, err := leftOut(err); out || err != nil {
		return data, err
	}
	both, err := render.WithPrevious(data, former, p.sync.Spec.KeepPrevious.Suffix)
	if err != nil {
		return nil, err
	}
	_, err = publishable(work, &p.sync.Spec, both)
	if out, err := leftOut(err); out || err != nil {
		return data, err
	}
	for key := range both {
		if _, present := data[key]; !present {
			p.previousKeys = append(p.previousKeys, key)
		}
	}
	slices.Sort(p.previousKeys)
	return both, nil
}

// leftOut says whether an error of the former values leaves them out. Where it is one of the pass and not of the values,
// it is given back: what was done with the present ones is no reason to take the former ones out.
func leftOut(err error) (bool, error) {
	_, unusable := errors.AsType[*render.Error](err)
	_, dear := errors.AsType[*pattern.Exceeded](err)
	if dear || !unusable {
		return false, err
	}
	return true, nil
}

// renderFormer makes the keys of the former values, where they could be published.
func renderFormer(work render.Work, p *pass) (map[string][]byte, error) {
	spec := forFormer(&p.sync.Spec)
	data, err := render.Render(work, spec, materialOf(p, func(one *input) *source.Value {
		was := p.formerOf(slices.Index(p.inputs, one), one)
		if was == nil || was.absent {
			return nil
		}
		return &was.fetched.Value
	}))
	if err != nil {
		return nil, err
	}
	_, err = publishable(work, spec, data)
	return data, err
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
