package target

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Types and annotations by which Kubernetes hands out credentials, or Helm keeps releases: to write such a Secret
// grants more than a Secret. The CRD's rules refuse them too; these checks also cover an older CRD, and Secrets that
// the SecretSync has not created.
const (
	typeBootstrapToken    = corev1.SecretTypeBootstrapToken
	typeAccountToken      = corev1.SecretTypeServiceAccountToken
	typesOfHelm           = "helm.sh/"
	annotationsOfAccounts = "kubernetes.io/service-account."
	// Helm finds its releases by this label and by their names, and never looks at the type (its storage
	// driver for Secrets).
	labelOfHelm, ownerOfHelm = "owner", "helm"
	namesOfHelm              = "sh.helm.release."
)

// refuse says why a Secret may not be written as desired, or nil.
func refuse(desired Desired) error {
	if !desired.Merge && grantsMore(desired.Type) {
		return policyDenied("Secret %q would be of type %s, by which Kubernetes issues credentials or Helm stores releases: choose another spec.target.type",
			desired.Name, desired.Type)
	}
	if strings.HasPrefix(desired.Name, namesOfHelm) || desired.Labels[labelOfHelm] == ownerOfHelm {
		return policyDenied("Secret %q would be taken for a release of Helm: choose another spec.target.name, and take the label %s=%s out of spec.target.labels",
			desired.Name, labelOfHelm, ownerOfHelm)
	}
	for name := range desired.Annotations {
		if strings.HasPrefix(name, annotationsOfAccounts) {
			return policyDenied("Secret %q would have the annotation %s, by which Kubernetes hands out tokens: take it out of spec.target.annotations",
				desired.Name, name)
		}
	}
	return nil
}

// mergedBefore says whether all keys were merged into this Secret before, or are not merged at all. A Secret is checked
// only before a key is merged for the first time, as its type can't change.
func mergedBefore(desired Desired, state State) bool {
	return !desired.Merge || desired.Previous != nil && desired.Previous.UID == state.UID && len(neverWritten(desired)) == 0
}

// refuseMerge says why the keys may not be merged into this Secret, or nil.
func refuseMerge(desired Desired, host *corev1.Secret) error {
	if grantsMore(host.Type) {
		return policyDenied("Secret %q is of type %s, by which Kubernetes issues credentials or Helm stores releases: merge into another Secret",
			desired.Name, host.Type)
	}
	if host.Labels[labelOfHelm] == ownerOfHelm {
		return policyDenied("Secret %q has the label %s=%s, by which Helm keeps releases: merge into another Secret",
			desired.Name, labelOfHelm, ownerOfHelm)
	}
	return refuseHeld(desired, host)
}

func grantsMore(kind corev1.SecretType) bool {
	return kind == typeAccountToken || kind == typeBootstrapToken || strings.HasPrefix(string(kind), typesOfHelm)
}

func policyDenied(format string, arguments ...any) error {
	return &Error{Reason: v1alpha1.ReasonPolicyDenied, Message: fmt.Sprintf(format, arguments...)}
}
