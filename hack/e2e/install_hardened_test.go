package e2e

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// known leaves out ServiceMonitors, PrometheusRules and Certificates, the only kinds that the scheme does not have.
func known(t *testing.T, manifests []byte) []runtime.Object {
	t.Helper()
	documents := bytes.Split(manifests, []byte("\n---\n"))
	return decoded(t, bytes.Join(slices.DeleteFunc(documents, func(document []byte) bool {
		return bytes.Contains(document, []byte("kind: ServiceMonitor\n")) || bytes.Contains(document, []byte("kind: PrometheusRule\n")) || bytes.Contains(document, []byte("kind: Certificate\n"))
	}), []byte("\n---\n")))
}

// TestInstallationsAreHardened checks that each way of installing installs one hardened workload, and no policy or
// webhook for other clients.
func TestInstallationsAreHardened(t *testing.T) {
	installable := []string{"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Deployment", "Namespace", "NetworkPolicy",
		"PodDisruptionBudget", "Role", "RoleBinding", "Service", "ServiceAccount",
		"ConfigMap", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
	for way, content := range manifests(t) {
		deployments := 0
		for _, object := range known(t, content) {
			if kind := object.GetObjectKind().GroupVersionKind().Kind; !slices.Contains(installable, kind) {
				t.Errorf("%s: installs a %s", way, kind)
			}
			if deployment, ok := object.(*appsv1.Deployment); ok {
				deployments++
				checkPod(t, way, deployment.Spec.Template.Spec)
			}
		}
		if deployments != 1 {
			t.Errorf("%s: %d Deployments, want one", way, deployments)
		}
	}
}

// checkPod checks for more than the restricted Pod Security Standard, which allows a writable root file system.
func checkPod(t *testing.T, way string, pod corev1.PodSpec) {
	t.Helper()
	yes, no := true, false
	wantPod := &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	if diff := cmp.Diff(wantPod, pod.SecurityContext); diff != "" {
		t.Errorf("%s: the pod's security context (-want +got):\n%s", way, diff)
	}
	want := &corev1.SecurityContext{AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
	containers := slices.Concat(pod.Containers, pod.InitContainers)
	if len(containers) != 1 && way != "chart, with everything" { // Its values have one more of each.
		t.Errorf("%s: %d containers and %d before them", way, len(pod.Containers), len(pod.InitContainers))
	}
	for _, container := range containers {
		if diff := cmp.Diff(want, container.SecurityContext); diff != "" {
			t.Errorf("%s: the security context of container %s (-want +got):\n%s", way, container.Name, diff)
		}
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Errorf("%s: hostNetwork is %t, hostPID %t, hostIPC %t", way, pod.HostNetwork, pod.HostPID, pod.HostIPC)
	}
	for _, volume := range pod.Volumes {
		// The hook's token and certificate, and the certificate for metrics, if these are turned on.
		served := strings.HasPrefix(volume.Name, "change-hook") || volume.Name == "metrics-cert"
		if volume.HostPath != nil || volume.Secret != nil && !served {
			t.Errorf("%s: the pod mounts %s from its host or from a Secret", way, volume.Name)
		}
	}
	if container := pod.Containers[0]; container.Resources.Limits.Memory().IsZero() {
		t.Errorf("%s: the memory has no limit", way)
	}
}

// TestTheNetworkPolicyLetsLittleThrough: tests both the chart's value and the kustomize component.
func TestTheNetworkPolicyLetsLittleThrough(t *testing.T) {
	everything := chart(t, filepath.Join(root, "config/chart/ci/everything-values.yaml"))
	component := output(t, "cat", filepath.Join(root, "config/components/network-policy/network_policy.yaml"))
	for way, content := range map[string][]byte{"chart": everything, "component": component} {
		policy := only[*networkingv1.NetworkPolicy](t, way, known(t, content))
		if !slices.Equal(policy.Spec.PolicyTypes, []networkingv1.PolicyType{"Ingress", "Egress"}) || len(policy.Spec.PodSelector.MatchLabels) == 0 {
			t.Errorf("%s: the policy is for %v of %v", way, policy.Spec.PolicyTypes, policy.Spec.PodSelector)
		}
		for _, rule := range policy.Spec.Ingress {
			checkPorts(t, way+", in", rule.Ports, 8081, 8443, 9081, 9443, 9444)
		}
		for _, rule := range policy.Spec.Egress {
			checkPorts(t, way+", out", rule.Ports, 53, 80, 443, 6443, 3128)
		}
	}
}

func checkPorts(t *testing.T, where string, ports []networkingv1.NetworkPolicyPort, allowed ...int) {
	t.Helper()
	if len(ports) == 0 {
		t.Errorf("%s: a rule without ports lets everything through", where)
	}
	for _, port := range ports {
		if port.Port == nil || port.EndPort != nil || !slices.Contains(allowed, port.Port.IntValue()) {
			t.Errorf("%s: port %v", where, port.Port)
		}
	}
}

func only[O runtime.Object](t *testing.T, way string, objects []runtime.Object) (found O) {
	t.Helper()
	number := 0
	for _, object := range objects {
		if typed, ok := object.(O); ok {
			found, number = typed, number+1
		}
	}
	if number != 1 {
		t.Fatalf("%s: found %d %T, want one", way, number, found)
	}
	return found
}

// TestNamespacedInstallationsHaveNoSecretsElsewhere: no role that is bound in the whole cluster has rules for Secrets,
// ServiceAccounts or SecretSyncs. TestHelmNamespaced asks the API server about Secrets.
func TestNamespacedInstallationsHaveNoSecretsElsewhere(t *testing.T) {
	namespaced := rendered(t, chart(t, filepath.Join(root, "config/chart/ci/namespaced-values.yaml")))
	in := map[string]bool{}
	for _, grant := range namespaced.Grants {
		for _, rule := range grant.Rules {
			touches := slices.ContainsFunc(rule.Resources, func(resource string) bool {
				return slices.Contains([]string{"secrets", "serviceaccounts", "serviceaccounts/token", "secretsyncs", "secretsyncs/status"}, resource)
			})
			if touches && (grant.Kind != "Role" || grant.Namespace == "") {
				t.Errorf("bound in the whole cluster, by a %s in namespace %q: %v", grant.Kind, grant.Namespace, rule)
			}
			if touches {
				in[grant.Namespace] = true
			}
		}
	}
	if want := map[string]bool{"payments": true, "shipping": true}; !cmp.Equal(want, in) {
		t.Errorf("Secrets are reachable in %v, want in %v", in, want)
	}
	whole := rendered(t, chart(t))
	if !slices.ContainsFunc(whole.Grants, func(g boundRole) bool {
		return g.Namespace == "" && slices.ContainsFunc(g.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "secrets") })
	}) {
		t.Error("the search does not even find the Secrets of an installation for the whole cluster")
	}
}

// TestNoInstallationHasTokensMadeUnlessAsked: a client that may request tokens can act as any ServiceAccount.
func TestNoInstallationHasTokensMadeUnlessAsked(t *testing.T) {
	for way, content := range map[string][]byte{"chart": chart(t), "kustomize": kustomized(t)} {
		for _, r := range rendered(t, content).Roles {
			for _, rule := range r.Rules {
				if slices.ContainsFunc(rule.Resources, func(resource string) bool {
					return resource == "serviceaccounts" || resource == "serviceaccounts/token"
				}) {
					t.Errorf("%s: by default it allows %v", way, rule)
				}
			}
		}
	}
}
