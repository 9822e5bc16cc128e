package rollout

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// uses says whether pods of a template read a Secret: as environment, as files, to pull images, or to mount a volume.
// These are all fields by which a pod can name a Secret (reference of the API, "PodSpec").
func uses(pod *corev1.PodSpec, secret string) bool {
	return slices.ContainsFunc(pod.InitContainers, func(c corev1.Container) bool { return reads(&c, secret) }) ||
		slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool { return reads(&c, secret) }) ||
		slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return mounts(&v, secret) }) ||
		slices.ContainsFunc(pod.ImagePullSecrets, func(r corev1.LocalObjectReference) bool { return r.Name == secret })
}

func reads(container *corev1.Container, secret string) bool {
	for _, from := range container.EnvFrom {
		if from.SecretRef != nil && from.SecretRef.Name == secret {
			return true
		}
	}
	for _, variable := range container.Env {
		if variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef != nil && variable.ValueFrom.SecretKeyRef.Name == secret {
			return true
		}
	}
	return false
}

func mounts(volume *corev1.Volume, secret string) bool {
	if volume.Secret != nil && volume.Secret.SecretName == secret || volume.AzureFile != nil && volume.AzureFile.SecretName == secret {
		return true
	}
	if projected := volume.Projected; projected != nil {
		for _, from := range projected.Sources {
			if from.Secret != nil && from.Secret.Name == secret {
				return true
			}
		}
	}
	return slices.ContainsFunc(credentials(volume), func(r *corev1.LocalObjectReference) bool { return r != nil && r.Name == secret })
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
