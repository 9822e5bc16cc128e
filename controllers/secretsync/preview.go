package secretsync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/assemble"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/target"
)

// preview finds out, in mode Observe, what mode Sync would do.
func (c *Controller) preview(ctx context.Context, a *attempt, set *resolve.Set, content assemble.Content) (*status.Preview, error) {
	wanted := desired(a, set, content)
	met, err := c.secrets.Inspect(ctx, wanted)
	if err != nil {
		return nil, err
	}
	a.state.content.Previewed(previewOf(a.secretSync, set, met.State))
	return &status.Preview{Would: c.would(wanted, content, met)}, nil
}

// would says what mode Sync would do to a Secret, by names of keys.
func (c *Controller) would(wanted target.Desired, content assemble.Content, met target.Inspection) string {
	if !met.Exists {
		return "create it with the keys " + failure.Listed(content.Keys)
	}
	changes := c.foreseen(wanted, met)
	switch {
	case wanted.Merge || target.Ours(wanted, met.State):
		if changes.None() {
			return ""
		}
		return "write it: " + changes.String()
	case met.Owner != "":
		return "leave it alone, as it belongs to SecretSync " + met.Owner + "; otherwise: " + changes.String()
	}
	return fmt.Sprintf("leave it alone, as SecretSync did not make it, until it is annotated with %s=%s, which has the values compared, too; then: %s",
		v1alpha1.AnnotationOwner, wanted.Owner, changes)
}

// foreseen is what a write would change. Values that must not be compared are neither called changed nor unchanged.
func (c *Controller) foreseen(wanted target.Desired, met target.Inspection) ownwrites.Changes {
	former, latter := c.digester.Of(met.Values), c.digester.Of(wanted.Data)
	maps.DeleteFunc(former, func(key string, _ uint64) bool {
		_, wants := wanted.Data[key]
		return !wants && (wanted.Previous == nil || !slices.Contains(wanted.Previous.Keys, key))
	})
	var notCompared []string
	for _, key := range met.Keys {
		_, compared := met.Values[key]
		if _, wants := latter[key]; wants && !compared {
			notCompared = append(notCompared, key)
			delete(latter, key)
		}
	}
	changes := ownwrites.Difference(former, latter)
	changes.NotCompared = notCompared
	return changes
}

// previewedBefore says whether the last preview, in mode Observe, was of these versions and of the Secret as it is.
func (c *Controller) previewedBefore(ctx context.Context, a *attempt, set *resolve.Set) (bool, error) {
	last := a.state.content.Preview()
	if !a.secretSync.Observes() || last == "" || a.secretSync.FailureReason() != "" {
		return false, nil
	}
	found, err := c.secrets.Current(ctx, a.secretSync.Namespace, a.secretSync.TargetName())
	return err == nil && last == previewOf(a.secretSync, set, found), err
}

// previewOf tells previews apart, without a value.
func previewOf(secretSync *v1alpha1.SecretSync, set *resolve.Set, found target.State) string {
	parts := []string{fmt.Sprint(secretSync.Generation), found.UID, found.ResourceVersion}
	for _, input := range set.All() {
		parts = append(parts, input.Resolution.Version.ARN, input.Resolution.Version.ID)
	}
	return strings.Join(parts, " ")
}
