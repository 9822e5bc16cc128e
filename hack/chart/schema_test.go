package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// TestTheSchemaHasTheFieldsOfKubernetes: a value that is an object of Kubernetes has the fields of its type, all of them
// and no others.
func TestTheSchemaHasTheFieldsOfKubernetes(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(folder, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var whole schema
	if err := json.Unmarshal(content, &whole); err != nil {
		t.Fatal(err)
	}
	for path, object := range map[string]any{
		"podSecurityContext":           corev1.PodSecurityContext{},
		"securityContext":              corev1.SecurityContext{},
		"resources":                    corev1.ResourceRequirements{},
		"extraEnv":                     corev1.EnvVar{},
		"extraVolumeMounts":            corev1.VolumeMount{},
		"topologySpreadConstraints":    corev1.TopologySpreadConstraint{},
		"affinity":                     corev1.Affinity{},
		"dnsConfig":                    corev1.PodDNSConfig{},
		"hostAliases":                  corev1.HostAlias{},
		"strategy":                     appsv1.DeploymentStrategy{},
		"strategy.rollingUpdate":       appsv1.RollingUpdateDeployment{},
		"networkPolicy.extraIngress":   networkingv1.NetworkPolicyIngressRule{},
		"networkPolicy.extraEgress":    networkingv1.NetworkPolicyEgressRule{},
		"networkPolicy.extraEgress.to": networkingv1.NetworkPolicyPeer{},
	} {
		described := whole
		for name := range strings.SplitSeq(path, ".") {
			described = described.Properties[name]
			if described.Items != nil {
				described = *described.Items
			}
		}
		compareFields(t, path, described, object)
	}
	compareFields(t, "definitions/toleration", whole.Definitions["toleration"], corev1.Toleration{})
	compareFields(t, "definitions/pullSecret", whole.Definitions["pullSecret"], corev1.LocalObjectReference{})
}

// compareFields compares the properties of a schema with the JSON names of a type's fields.
func compareFields(t *testing.T, path string, described schema, object any) {
	t.Helper()
	var want []string
	for field := range reflect.TypeOf(object).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		want = append(want, name)
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(described.Properties)); !slices.Equal(got, want) {
		t.Errorf("the schema of %s has the fields %s, Kubernetes has %s", path, got, want)
	}
}
