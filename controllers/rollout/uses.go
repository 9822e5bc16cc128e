package rollout

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// UseKind says how a pod reads a Secret, and so when a new value reaches it.
type UseKind string

// The kinds of a Use (page "Secrets" of the Kubernetes documentation).
const (
	// UseEnv and UseEnvFrom are environment variables: a container has the values of its start.
	UseEnv     UseKind = "env"
	UseEnvFrom UseKind = "envFrom"
	// UseVolume and UseProjected are files that the kubelet replaces while the container runs.
	UseVolume    UseKind = "volume"
	UseProjected UseKind = "projected"
	// UseSubPath is a file that is mounted by subPath: it stays as it was when the container started.
	UseSubPath UseKind = "subPath"
	// UseImagePull are the credentials of a registry: the kubelet reads them when it pulls.
	UseImagePull UseKind = "imagePullSecret"
	// UseMount are the credentials by which a volume is mounted.
	UseMount UseKind = "mount"
)

// Use is a place where a pod reads a Secret.
type Use struct {
	Kind UseKind
	// Container reads it; empty if the pod does: credentials, and volumes that no container mounts.
	Container string
	// Name is the environment variable, or the path at which files are mounted; empty for all keys as variables.
	Name string
}

// Uses are the places where pods of a template read a Secret: as environment, as files, to pull images, or to mount a
// volume. These are all fields by which a pod can name a Secret (reference of the API, "PodSpec").
func Uses(pod *corev1.PodSpec, secret string) (found []Use) {
	containers := slices.Concat(pod.InitContainers, pod.Containers)
	for i := range containers {
		found = append(found, environmentUses(&containers[i], secret)...)
	}
	for i := range pod.Volumes {
		if kind := volumeUse(&pod.Volumes[i], secret); kind != "" {
			found = append(found, mountUses(containers, pod.Volumes[i].Name, kind)...)
		}
	}
	if slices.ContainsFunc(pod.ImagePullSecrets, func(r corev1.LocalObjectReference) bool { return r.Name == secret }) {
		found = append(found, Use{Kind: UseImagePull})
	}
	return found
}

func environmentUses(container *corev1.Container, secret string) (found []Use) {
	for _, from := range container.EnvFrom {
		if from.SecretRef != nil && from.SecretRef.Name == secret {
			found = append(found, Use{Kind: UseEnvFrom, Container: container.Name})
		}
	}
	for _, variable := range container.Env {
		if variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef != nil && variable.ValueFrom.SecretKeyRef.Name == secret {
			found = append(found, Use{Kind: UseEnv, Container: container.Name, Name: variable.Name})
		}
	}
	return found
}

// mountUses are the mounts of a volume. Without one, the pod as a whole uses it.
func mountUses(containers []corev1.Container, volume string, kind UseKind) (found []Use) {
	if kind == UseMount {
		return []Use{{Kind: kind}}
	}
	for i := range containers {
		for _, mount := range containers[i].VolumeMounts {
			if mount.Name != volume {
				continue
			}
			use := Use{Kind: kind, Container: containers[i].Name, Name: mount.MountPath}
			if mount.SubPath != "" || mount.SubPathExpr != "" {
				use.Kind = UseSubPath
			}
			found = append(found, use)
		}
	}
	if len(found) == 0 {
		return []Use{{Kind: kind}}
	}
	return found
}

// volumeUse is how a volume reads a Secret, or empty.
func volumeUse(volume *corev1.Volume, secret string) UseKind {
	if volume.Secret != nil && volume.Secret.SecretName == secret {
		return UseVolume
	}
	if projected := volume.Projected; projected != nil {
		for _, from := range projected.Sources {
			if from.Secret != nil && from.Secret.Name == secret {
				return UseProjected
			}
		}
	}
	azure := volume.AzureFile != nil && volume.AzureFile.SecretName == secret
	if azure || slices.ContainsFunc(credentials(volume), func(r *corev1.LocalObjectReference) bool { return r != nil && r.Name == secret }) {
		return UseMount
	}
	return ""
}

// credentials are the Secrets by which a volume is mounted.
func credentials(volume *corev1.Volume) (references []*corev1.LocalObjectReference) {
	if volume.CSI != nil {
		references = append(references, volume.CSI.NodePublishSecretRef)
	}
	if volume.FlexVolume != nil {
		references = append(references, volume.FlexVolume.SecretRef)
	}
	if volume.CephFS != nil {
		references = append(references, volume.CephFS.SecretRef)
	}
	if volume.RBD != nil {
		references = append(references, volume.RBD.SecretRef)
	}
	if volume.ISCSI != nil {
		references = append(references, volume.ISCSI.SecretRef)
	}
	if volume.ScaleIO != nil {
		references = append(references, volume.ScaleIO.SecretRef)
	}
	if volume.StorageOS != nil {
		references = append(references, volume.StorageOS.SecretRef)
	}
	return references
}
