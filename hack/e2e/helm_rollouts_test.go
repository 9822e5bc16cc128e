package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
)

// TestChartAndComponentGiveTheSameRollouts: the chart's value and the component install the same. A default
// installation has none of it.
func TestChartAndComponentGiveTheSameRollouts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte("rollouts: {enabled: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	byChart, byComponent, byDefault := rendered(t, chart(t, file)), rendered(t, overlay(t, nil, "rollouts")), rendered(t, chart(t))
	if diff := cmp.Diff(byChart.Grants, byComponent.Grants, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("grants of the chart and of the component differ (-chart +component):\n%s", diff)
	}
	if len(byChart.Grants) != len(byDefault.Grants)+1 {
		t.Errorf("the value makes %d grants of %d", len(byChart.Grants), len(byDefault.Grants))
	}
	if !slices.Contains(byChart.flags, "--rollouts=true") || !slices.Contains(byDefault.flags, "--rollouts=false") {
		t.Errorf("the chart sets %q, by default %q", byChart.flags, byDefault.flags)
	}
	on := corev1.EnvVar{Name: "SECRETSYNC_ROLLOUTS", Value: "true"}
	if environment := byComponent.Pod.Containers[0].Env; !slices.Contains(environment, on) || len(environment) < 2 {
		t.Errorf("the component leaves the environment %v", environment)
	}
	policies := admissionOf(t, chart(t, file))
	if diff := cmp.Diff(policies.Policies, admissionOf(t, overlay(t, nil, "rollouts")).Policies); diff != "" || len(policies.Policies) != 3 {
		t.Errorf("%d policies; those of the chart and of the component differ (-chart +component):\n%s", len(policies.Policies), diff)
	}
	if bound := policies.bound(); !slices.Contains(bound, "restarts-alone") {
		t.Errorf("the chart with rollouts binds %q", bound)
	}
	if bound := admissionOf(t, chart(t)).bound(); slices.Contains(bound, "restarts-alone") {
		t.Errorf("the chart binds by default %q", bound)
	}
	for way, manifests := range map[string][]byte{"chart": chart(t), "kustomize": kustomized(t)} {
		if strings.Contains(string(manifests), "argoproj.io") || strings.Contains(string(manifests), "daemonsets") {
			t.Errorf("a default installation by %s may restart workloads", way)
		}
	}
}

// TestNamespacedRolloutsReachNoOtherNamespace: permissions to restart are not bound in the whole cluster.
func TestNamespacedRolloutsReachNoOtherNamespace(t *testing.T) {
	in := map[string]bool{}
	for _, grant := range rendered(t, chart(t, filepath.Join(root, "config/chart/ci/namespaced-values.yaml"))).Grants {
		for _, rule := range grant.Rules {
			if slices.Contains(rule.Resources, "deployments") {
				in[grant.Kind+" "+grant.Namespace] = true
			}
		}
	}
	if diff := cmp.Diff(map[string]bool{"Role payments": true, "Role shipping": true}, in); diff != "" {
		t.Errorf("Deployments are reachable (-want +got):\n%s", diff)
	}
}
