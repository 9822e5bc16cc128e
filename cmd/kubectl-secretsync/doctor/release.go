package doctor

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// Labels and annotations by which a Deployment says what has installed it.
const (
	labelManagedBy   = "app.kubernetes.io/managed-by"
	labelInstance    = "app.kubernetes.io/instance"
	labelChart       = "helm.sh/chart"
	releaseNamespace = "meta.helm.sh/release-namespace"
	labelFlux        = "helm.toolkit.fluxcd.io/name"
	trackedByArgoCD  = "argocd.argoproj.io/tracking-id"
)

// byHelm says whether the chart has installed the operator.
func (o *operator) byHelm() bool { return o.Labels[labelManagedBy] == "Helm" }

// versionForm is a semantic version at the end of a text.
var versionForm = regexp.MustCompile(`[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

// chartVersion is the version of the chart, by its label or by the tag of the image; empty if it is not known. Both have
// the same versions.
func (o *operator) chartVersion() string {
	if found := versionForm.FindString(o.Labels[labelChart]); found != "" {
		return found
	}
	for i := range o.Spec.Template.Spec.Containers {
		container := &o.Spec.Template.Spec.Containers[i]
		if tag := container.Image[strings.LastIndex(container.Image, ":")+1:]; container.Name == managerContainer && versionForm.FindString(tag) == strings.TrimPrefix(tag, "v") {
			return strings.TrimPrefix(tag, "v")
		}
	}
	return ""
}

// setValue sets a value of the chart. Without the release's name, the chart's version, or if it is applied from Git, it is
// no command.
func (o *operator) setValue(value string) Fix {
	release, version := o.Labels[labelInstance], o.chartVersion()
	if release == "" || version == "" || o.Labels[labelFlux] != "" || o.Annotations[trackedByArgoCD] != "" {
		return Fix{Edit, fmt.Sprintf("set %s in the values of the Helm release that has installed %s", value, o)}
	}
	return Fix{Command, fmt.Sprintf("helm upgrade %s oci://ghcr.io/secretsync/charts/secretsync --version %s -n %s --reuse-values --set %s",
		release, version, cmp.Or(o.Annotations[releaseNamespace], o.Namespace), value)}
}

// bind gives the operator a role of the installation. An operator that works in some namespaces gets it only in the one of
// the SecretSync. There the chart makes Roles, named like the Deployment; otherwise there are ClusterRoles.
func (s *subject) bind(o *operator, role string) Fix {
	kind := "clusterrole"
	if o.byHelm() && role == managerRole {
		role = o.Name
	}
	account := fmt.Sprintf("--serviceaccount=%s:%s", o.Namespace, o.account())
	if o.flags["watch-namespaces"] == "" {
		return Fix{Command, fmt.Sprintf("kubectl create clusterrolebinding %s-doctor --clusterrole=%s %s", role, role, account)}
	}
	if o.byHelm() {
		kind = "role"
	}
	return Fix{Command, fmt.Sprintf("kubectl create rolebinding %s-doctor -n %s --%s=%s %s", role, s.Namespace, kind, role, account)}
}
