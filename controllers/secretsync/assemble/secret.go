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
	labels, annotations := texts(spec.Target.Labels), texts(spec.Target.Annotations)
	maps.Copy(labels, content.Labels)
	maps.Copy(annotations, content.Annotations)
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
		Labels:      labels,
		Annotations: annotations,
		Data:        content.Data,
		Generation:  secretSync.Generation,
		Immutable:   spec.Target.Immutable,
		Recreate:    spec.Target.ReplacePolicy == v1alpha1.ReplaceRecreate,
		Merge:       spec.Target.Merges(),
	}
	if template := spec.Template; template != nil && template.Metadata != nil {
		wanted.MetadataFromValues = template.Metadata.LabelsFrom != "" || template.Metadata.AnnotationsFrom != ""
	}
	if secretSync.OwnsSecret() {
		reference := target.OwnerReference(secretSync)
		wanted.OwnerReference = &reference
	}
	return wanted
}

// texts copies labels or annotations of a spec.
func texts[T ~string](from map[string]T) map[string]string {
	to := make(map[string]string, len(from))
	for name, text := range from {
		to[name] = string(text)
	}
	return to
}
