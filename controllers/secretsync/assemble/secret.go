package assemble

import (
	"maps"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/target"
)

// Desired is the Secret as the spec asks for it. Which Secret there is, and was written before, is for the caller to add.
func Desired(secretSync *v1alpha1.SecretSync, set *resolve.Set, content Content) target.Desired {
	version, spec := set.Version(), &secretSync.Spec
	annotations := maps.Clone(spec.Target.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationSecretARN] = version.ARN
	annotations[v1alpha1.AnnotationVersionID] = version.ID
	if stage := set.Main().Ref.VersionStage; stage != "" {
		annotations[v1alpha1.AnnotationVersionStage] = stage
	}
	wanted := target.Desired{
		Namespace:   secretSync.Namespace,
		Name:        secretSync.TargetName(),
		Owner:       secretSync.Name,
		Type:        spec.Target.TypeOrDefault(),
		Labels:      spec.Target.Labels,
		Annotations: annotations,
		Data:        content.Data,
		Generation:  secretSync.Generation,
		Immutable:   spec.Target.Immutable,
		Recreate:    spec.Target.ReplacePolicy == v1alpha1.ReplaceRecreate,
		Merge:       spec.Target.Merges(),
	}
	if secretSync.OwnsSecret() {
		reference := target.OwnerReference(secretSync)
		wanted.OwnerReference = &reference
	}
	return wanted
}
