package main

import (
	"slices"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// gitOpsOwner names who applies an object from Git, and so reverts changes of its spec; empty for no such owner. Flux
// labels what it applies ("Kustomization", "HelmRelease" of the Flux documentation). Argo CD annotates or labels it,
// depending on its settings ("Resource Tracking" of the Argo CD documentation), so that its field managers decide.
func gitOpsOwner(found *v1alpha1.SecretSync) string {
	for label, owner := range map[string]string{
		"kustomize.toolkit.fluxcd.io/name": "Flux's Kustomization ",
		"helm.toolkit.fluxcd.io/name":      "Flux's HelmRelease ",
	} {
		if name := found.Labels[label]; name != "" {
			return owner + name
		}
	}
	if found.Annotations["argocd.argoproj.io/tracking-id"] != "" || slices.ContainsFunc(found.ManagedFields, byArgoCD) {
		return "Argo CD"
	}
	return ""
}

// byArgoCD says whether fields were applied by Argo CD, on the server's side or on the client's.
func byArgoCD(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == "argocd-controller" || entry.Manager == "argocd-application-controller"
}

// addForce adds the flag that changes what is applied from Git, too.
func addForce(command *cobra.Command, force *bool) {
	command.Flags().BoolVar(force, "force", false, "change a SecretSync that is applied from Git, too")
}

// checkGitOps refuses a change of the spec that would be reverted.
func checkGitOps(found *v1alpha1.SecretSync, change string, force bool) error {
	owner := gitOpsOwner(found)
	if owner == "" || force {
		return nil
	}
	return trouble("%s applies the SecretSync %s from Git and reverts such a change: commit %s there, or repeat the command with --force",
		owner, found.Name, change)
}
