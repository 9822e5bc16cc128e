package secretsync

import (
	"context"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// apply writes the Secret.
func (c *Controller) apply(ctx context.Context, p *pass) error {
	if err := c.guardMerge(ctx, p.sync); err != nil {
		return err
	}
	if !p.large && largeToWrite(p.data) {
		return c.giveUp(p)
	}
	changes, err := c.compare(ctx, p)
	if err != nil {
		return err
	}
	c.memories.beginWrite(p.memory)
	result, err := c.secrets.Apply(ctx, desired(p))
	p.touched = c.memories.endWrite(p.memory, result.ResourceVersion)
	if err != nil {
		p.noteRewrite(result)
		return err
	}
	if result.Former != nil {
		changes = c.takenOver(p, result.Former)
	}
	if result.Outcome == target.Unchanged {
		p.memory.seen.Store(&result)
	} else if p.sync.Status.Secret != nil && !writtenBySpec(p.sync) { // An edited spec may leave keys to others.
		c.turns.add(c.wakeAll(ctx, client.ObjectKey{Namespace: p.sync.Namespace, Name: p.sync.TargetName()}, p.sync.Name, true))
	}
	p.applied, p.changes, p.wrote = &result, changes, c.Clock.Now()
	p.memory.wrote = p.wrote
	p.memory.prints = c.printsOf(p.data)
	if p.trigger == triggerDrift && result.Outcome != target.Unchanged {
		p.memory.repairs = append(p.memory.repairs, c.Clock.Now())
		p.memory.intruders = result.OverriddenManagers
	}
	return nil
}

func desired(p *pass) target.Desired {
	spec, version := &p.sync.Spec, p.version()
	annotations := maps.Clone(spec.Target.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationSecretARN] = version.ARN
	annotations[v1alpha1.AnnotationVersionID] = version.ID
	if stage := p.main().ref.VersionStage; stage != "" {
		annotations[v1alpha1.AnnotationVersionStage] = stage
	}
	wanted := target.Desired{
		Namespace:   p.sync.Namespace,
		Name:        p.sync.TargetName(),
		Owner:       p.sync.Name,
		Type:        spec.Target.TypeOrDefault(),
		Labels:      spec.Target.Labels,
		Annotations: annotations,
		Data:        p.data,
		Generation:  p.sync.Generation,
		Immutable:   spec.Target.Immutable,
		Recreate:    spec.Target.ReplacePolicy == v1alpha1.ReplaceRecreate,
		Merge:       spec.Target.Merges(),
		Found:       p.found,
	}
	if written := p.memory.lastSeen(p.sync.Status.Secret); written != nil && written.Name == wanted.Name {
		wanted.Previous = written
	}
	if owns(p.sync) {
		reference := target.OwnerReference(p.sync)
		wanted.OwnerReference = &reference
	}
	return wanted
}

// owns says whether the Secret has an owner reference to the SecretSync, and so goes with it.
func owns(secretSync *v1alpha1.SecretSync) bool {
	return !secretSync.Spec.Target.Merges() && !secretSync.Spec.Target.Retains()
}
