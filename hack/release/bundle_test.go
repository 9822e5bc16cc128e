package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// manifestsOf joins the manifests of files below config.
func manifestsOf(t *testing.T, files ...string) string {
	t.Helper()
	var documents []string
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(root, "config", file))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, strings.TrimPrefix(strings.TrimSpace(string(content)), "---\n"))
	}
	return strings.Join(documents, "\n---\n")
}

func TestBundle(t *testing.T) {
	manifests := manifestsOf(t, "default/namespace.yaml", "crd/secretsync.dev_secretsyncs.yaml", "rbac/service_account.yaml",
		"rbac/role.yaml", "rbac/role_binding.yaml", "rbac/leader_election_role.yaml", "rbac/leader_election_role_binding.yaml",
		"rbac/secretsync_view_role.yaml", "manager/deployment.yaml", "manager/metrics_service.yaml", "admission/operator/token-secrets.yaml")
	files, err := bundle(manifests, "v1.2.3", "2026-01-02T03:04:05Z")
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	var names []string
	for _, file := range files {
		contents[file.name] = string(file.content)
		names = append(names, file.name)
	}
	slices.Sort(names)
	if want := []string{
		"manifests/clusterrole-secretsync-view.yaml", "manifests/customresourcedefinition-secretsyncs.secretsync.dev.yaml",
		"manifests/secretsync.clusterserviceversion.yaml", "manifests/service-secretsync-metrics.yaml", "metadata/annotations.yaml",
	}; !slices.Equal(names, want) {
		t.Errorf("the bundle has %q, want %q", names, want)
	}
	checkServiceVersion(t, contents["manifests/secretsync.clusterserviceversion.yaml"])
}

// checkServiceVersion: the CSV has the Deployment, and the rules of the roles that are bound.
func checkServiceVersion(t *testing.T, content string) {
	t.Helper()
	var csv struct {
		Metadata struct{ Name string }
		Spec     struct {
			Install struct {
				Spec struct {
					ClusterPermissions, Permissions []granted
					Deployments                     []struct{ Name string }
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(content), &csv); err != nil {
		t.Fatal(err)
	}
	var role, lease rbacv1.ClusterRole
	for file, into := range map[string]*rbacv1.ClusterRole{"rbac/role.yaml": &role, "rbac/leader_election_role.yaml": &lease} {
		if err := yaml.Unmarshal([]byte(manifestsOf(t, file)), into); err != nil {
			t.Fatal(err)
		}
	}
	spec := csv.Spec.Install.Spec
	if csv.Metadata.Name != "secretsync.v1.2.3" || len(spec.Deployments) != 1 || len(spec.ClusterPermissions) != 1 || len(spec.Permissions) != 1 {
		t.Fatalf("the CSV is %+v", csv)
	}
	if got := spec.ClusterPermissions[0]; got.ServiceAccountName != "secretsync" || len(got.Rules) == 0 || len(got.Rules) != len(role.Rules) {
		t.Errorf("%s has %d rules in the cluster, want %d", got.ServiceAccountName, len(got.Rules), len(role.Rules))
	}
	if got := spec.Permissions[0]; got.ServiceAccountName != "secretsync" || len(got.Rules) == 0 || len(got.Rules) != len(lease.Rules) {
		t.Errorf("%s has %d rules in its namespace, want %d", got.ServiceAccountName, len(got.Rules), len(lease.Rules))
	}
}

func TestBundleRefusals(t *testing.T) {
	for manifests, want := range map[string]string{
		"kind: ConfigMap\nmetadata: {name: new}\n": "ConfigMap/new: decide",
		"kind: Namespace\nmetadata: {name: a}\n":   "0 Deployments",
	} {
		if _, err := bundle(manifests, "v1.2.3", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
