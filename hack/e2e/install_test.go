package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

// installed is what an installation puts into a cluster.
type installed struct {
	CRDs  []apiextensionsv1.CustomResourceDefinitionSpec
	Rules [][]rbacv1.PolicyRule
	// Container is the manager's, as far as both ways of installing must agree.
	Command  []string
	Security any
}

// rendered reads the manifests that a command prints.
func rendered(t *testing.T, command string, arguments ...string) (all installed) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), command, arguments...).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for document := range bytes.SplitSeq(output, []byte("\n---\n")) {
		if !bytes.Contains(document, []byte("kind:")) {
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%s prints what is not valid: %v\n%s", command, err, document)
		}
		switch o := object.(type) {
		case *apiextensionsv1.CustomResourceDefinition:
			all.CRDs = append(all.CRDs, o.Spec)
		case *rbacv1.ClusterRole:
			all.Rules = append(all.Rules, o.Rules)
		case *rbacv1.Role:
			all.Rules = append(all.Rules, o.Rules)
		case *appsv1.Deployment:
			container := o.Spec.Template.Spec.Containers[0]
			all.Command, all.Security = container.Command, []any{container.SecurityContext, o.Spec.Template.Spec.SecurityContext}
		}
	}
	slices.SortFunc(all.Rules, func(a, b []rbacv1.PolicyRule) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}

// TestChartAndKustomizeInstallTheSame: one source of truth for the CRD and the roles.
func TestChartAndKustomizeInstallTheSame(t *testing.T) {
	for _, tool := range []string{"bin/helm", "bin/kustomize"} {
		build := exec.CommandContext(t.Context(), "make", "--no-print-directory", tool)
		build.Dir = root
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v: %s", tool, err, output)
		}
	}
	chart := rendered(t, filepath.Join(root, "bin/helm"), "template", "secretsync", filepath.Join(root, "config/chart"), "--namespace", "secretsync-system")
	kustomize := rendered(t, filepath.Join(root, "bin/kustomize"), "build", filepath.Join(root, "config/default"))
	if len(chart.CRDs) != 1 || len(chart.Rules) < 3 {
		t.Fatalf("the chart has %d CRDs and %d roles", len(chart.CRDs), len(chart.Rules))
	}
	if diff := cmp.Diff(chart, kustomize, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the chart and config/default differ (-chart +kustomize):\n%s", diff)
	}
}
