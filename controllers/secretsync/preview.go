package secretsync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// preview is what mode Observe has found out: what a write would do.
type preview struct {
	// would is what mode Sync would do; empty where it would leave the Secret as it is.
	would string
}

func observes(secretSync *v1alpha1.SecretSync) bool {
	return secretSync.Spec.Mode == v1alpha1.SyncModeObserve
}

// preview ends the pass, in mode Observe, before anything is written.
func (c *Controller) preview(ctx context.Context, p *pass) error {
	if !observes(p.sync) {
		return nil
	}
	p.done = true
	wanted := desired(p)
	met, err := c.secrets.Inspect(ctx, wanted)
	if err != nil {
		return err
	}
	p.preview = &preview{would: c.would(p, wanted, met)}
	p.memory.previewed = p.print(met.State)
	return nil
}

// would says what mode Sync would do to a Secret, by names of keys.
func (c *Controller) would(p *pass, wanted target.Desired, met target.Inspection) string {
	if !met.Exists {
		return "create it with the keys " + listed(p.keys)
	}
	change := c.foreseen(p, wanted, met)
	switch {
	case wanted.Merge || target.Ours(wanted, met.State):
		if change.none() {
			return ""
		}
		return "write it: " + change.String()
	case met.Owner != "":
		return "leave it alone, as it belongs to SecretSync " + met.Owner + "; otherwise: " + change.String()
	}
	return fmt.Sprintf("leave it alone, as SecretSync did not make it, until it is annotated with %s=%s, which has the values compared, too; then: %s",
		v1alpha1.AnnotationOwner, p.sync.Name, change)
}

// foreseen is what a write would change. Values that must not be compared are neither called changed nor
// unchanged.
func (c *Controller) foreseen(p *pass, wanted target.Desired, met target.Inspection) changes {
	former, latter := c.printsOf(met.Values), c.printsOf(p.data)
	maps.DeleteFunc(former, func(key string, _ uint64) bool {
		_, wants := wanted.Data[key]
		return !wants && (wanted.Previous == nil || !slices.Contains(wanted.Previous.Keys, key))
	})
	var unseen []string
	for _, key := range met.Keys {
		_, compared := met.Values[key]
		if _, wants := latter[key]; wants && !compared {
			unseen = append(unseen, key)
			delete(latter, key)
		}
	}
	change := difference(former, latter)
	change.unseen = unseen
	return change
}

func (c changes) none() bool { return len(c.added)+len(c.removed)+len(c.changed)+len(c.unseen) == 0 }

// previewed says whether the last preview, in mode Observe, was of these versions and of the Secret as it is.
func (c *Controller) previewed(ctx context.Context, p *pass) (bool, error) {
	if !observes(p.sync) || p.memory.previewed == "" || troubleOf(p.before) != "" {
		return false, nil
	}
	state, err := c.secrets.Current(ctx, p.sync.Namespace, p.sync.TargetName())
	return err == nil && p.memory.previewed == p.print(state), err
}

// print tells previews apart, without a value.
func (p *pass) print(state target.State) string {
	parts := []string{fmt.Sprint(p.sync.Generation), state.UID, state.ResourceVersion}
	for _, one := range p.all() {
		parts = append(parts, one.observation.Version.ARN, one.observation.Version.ID)
	}
	return strings.Join(parts, " ")
}

// describePreview sets Ready in mode Observe, where there is something new to say.
func (c *Controller) describePreview(p *pass) {
	if p.preview == nil {
		return
	}
	if p.sync.Status.Secret == nil { // Otherwise the sources are those of what was written.
		p.describeSources(observedVersion)
	}
	name, version := p.sync.TargetName(), p.version().ID
	if p.preview.would == "" {
		c.set(p, condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonObserved,
			fmt.Sprintf("Observed: Secret %s is what mode Sync would make of version %s", name, version)))
		return
	}
	c.set(p, condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWouldChange,
		fmt.Sprintf("Observed: with version %s for Secret %s, mode Sync would %s", version, name, p.preview.would)))
}

// previewNews is the note of the event that tells of a preview; empty where it says what was said before.
func previewNews(p *pass) string {
	is := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionReady)
	if p.preview == nil || p.preview.would == "" || is == nil {
		return ""
	}
	if was := meta.FindStatusCondition(p.before.Status.Conditions, v1alpha1.ConditionReady); was != nil && was.Message == is.Message {
		return ""
	}
	return is.Message
}
