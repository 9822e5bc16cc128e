package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/hack/controlplane"
)

// bundleChannel is the only channel of the bundle in a catalog.
const bundleChannel = "alpha"

// makeBundle writes the bundle for the Operator Lifecycle Manager (OLM), made of install.yaml, and validates it.
func (r *release) makeBundle(ctx context.Context) error {
	content, err := os.ReadFile(filepath.Join(folder, "install.yaml"))
	if err != nil {
		return err
	}
	files, err := bundle(string(content), r.version, r.committed)
	if err != nil {
		return err
	}
	unpacked, err := os.MkdirTemp("", "secretsync-bundle-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(unpacked) }()
	for _, file := range files {
		path := filepath.Join(unpacked, file.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, file.content, file.mode); err != nil {
			return err
		}
	}
	// It prints what is wrong, and ends with 0 in any case.
	printed, err := combined(ctx, "bin/operator-verify", "manifests", "--operatorhub_validate", "--object_validate", filepath.Join(unpacked, "manifests"))
	if err != nil {
		return err
	}
	if strings.Contains(printed, "level=error") {
		return fmt.Errorf("the bundle is not valid: %s", printed)
	}
	packedFiles, extension, err := pack("linux", files)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "secretsync-olm-bundle"+extension), packedFiles, 0o644)
}

// granted are the rules that a ServiceAccount of the operator gets, as a bundle lists them.
type granted struct {
	ServiceAccountName string              `json:"serviceAccountName"`
	Rules              []rbacv1.PolicyRule `json:"rules"`
}

// installed is what of the manifests OLM creates itself, by the ClusterServiceVersion (CSV).
type installed struct {
	deployments []appsv1.Deployment
	// clusterRoles and roles are the rules of each role that is bound to the operator.
	clusterRoles, roles []granted
	// others are the manifests that are files of the bundle.
	others []packed
}

// bundle gives the files of a bundle that installs the same as manifests do, except for admission policies, which OLM
// does not accept in a bundle.
func bundle(manifests, version, created string) ([]packed, error) {
	parts, err := divide(manifests)
	if err != nil {
		return nil, err
	}
	if len(parts.deployments) != 1 || len(parts.clusterRoles) == 0 || len(parts.roles) == 0 {
		return nil, fmt.Errorf("the manifests have %d Deployments, and %d ClusterRoles and %d Roles of the operator",
			len(parts.deployments), len(parts.clusterRoles), len(parts.roles))
	}
	csv, err := yaml.Marshal(serviceVersion(parts, version, created))
	if err != nil {
		return nil, err
	}
	labels := map[string]string{
		"operators.operatorframework.io.bundle.mediatype.v1":       "registry+v1",
		"operators.operatorframework.io.bundle.manifests.v1":       "manifests/",
		"operators.operatorframework.io.bundle.metadata.v1":        "metadata/",
		"operators.operatorframework.io.bundle.package.v1":         "secretsync",
		"operators.operatorframework.io.bundle.channels.v1":        bundleChannel,
		"operators.operatorframework.io.bundle.channel.default.v1": bundleChannel,
	}
	annotations, err := yaml.Marshal(map[string]any{"annotations": labels})
	if err != nil {
		return nil, err
	}
	return append([]packed{
		{"manifests/secretsync.clusterserviceversion.yaml", csv, 0o644},
		{"metadata/annotations.yaml", annotations, 0o644},
	}, parts.others...), nil
}

// divide sorts manifests by who creates them.
func divide(manifests string) (parts installed, err error) {
	roles := map[string][]rbacv1.PolicyRule{}
	files := map[string][]byte{}
	var bindings []rbacv1.RoleBinding
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		var named metav1.PartialObjectMetadata
		if err := yaml.Unmarshal([]byte(document), &named); err != nil {
			return installed{}, err
		}
		key := named.Kind + "/" + named.Name
		var role rbacv1.ClusterRole
		var binding rbacv1.RoleBinding
		var deployment appsv1.Deployment
		switch named.Kind {
		case "Namespace", "ServiceAccount": // OLM creates them.
		case "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding": // OLM refuses them: operator-framework/operator-sdk#7038.
		case "Deployment":
			err = yaml.UnmarshalStrict([]byte(document), &deployment)
			parts.deployments = append(parts.deployments, deployment)
		case "RoleBinding", "ClusterRoleBinding":
			err = yaml.UnmarshalStrict([]byte(document), &binding)
			bindings = append(bindings, binding)
		case "Role", "ClusterRole":
			err = yaml.UnmarshalStrict([]byte(document), &role)
			roles[key], files[key] = role.Rules, withoutNamespace(document)
		case "Service", "CustomResourceDefinition":
			files[key] = withoutNamespace(document)
		default:
			err = fmt.Errorf("%s: decide what the bundle does with this kind", key)
		}
		if err != nil {
			return installed{}, err
		}
	}
	for _, binding := range bindings {
		key := binding.RoleRef.Kind + "/" + binding.RoleRef.Name
		permission := granted{binding.Subjects[0].Name, roles[key]}
		if binding.Kind == "ClusterRoleBinding" {
			parts.clusterRoles = append(parts.clusterRoles, permission)
		} else {
			parts.roles = append(parts.roles, permission)
		}
		delete(files, key)
	}
	for _, key := range slices.Sorted(maps.Keys(files)) {
		name := strings.ToLower(strings.Replace(key, "/", "-", 1))
		parts.others = append(parts.others, packed{"manifests/" + name + ".yaml", files[key], 0o644})
	}
	return parts, nil
}

// withoutNamespace leaves the namespace to OLM.
func withoutNamespace(document string) []byte {
	return []byte(strings.TrimSuffix(strings.ReplaceAll(document, "\n  namespace: secretsync-system", ""), "\n") + "\n")
}

// serviceVersion is the CSV: how OLM shows and installs this version.
func serviceVersion(parts installed, version, created string) map[string]any {
	deployment := parts.deployments[0]
	bare := strings.TrimPrefix(version, "v")
	mode := func(name string, supported bool) map[string]any {
		return map[string]any{"type": name, "supported": supported}
	}
	return map[string]any{
		"apiVersion": "operators.coreos.com/v1alpha1",
		"kind":       "ClusterServiceVersion",
		"metadata": map[string]any{
			"name":      "secretsync.v" + bare,
			"namespace": "placeholder", // OLM replaces it.
			"annotations": map[string]string{
				"alm-examples":   `[{"apiVersion":"secretsync.dev/v1alpha1","kind":"SecretSync","metadata":{"name":"payments-db"},"spec":{"source":{"secretID":"/prod/payments/db"}}}]`,
				"capabilities":   "Seamless Upgrades",
				"categories":     "Security",
				"containerImage": deployment.Spec.Template.Spec.Containers[0].Image,
				"createdAt":      created,
				"description":    "Keeps Kubernetes Secrets equal to secrets in AWS Secrets Manager",
				"repository":     repository,
			},
		},
		"spec": map[string]any{
			"displayName":    "SecretSync",
			"description":    "Keeps Kubernetes Secrets equal to secrets in AWS Secrets Manager.",
			"version":        bare,
			"maturity":       "alpha",
			"minKubeVersion": controlplane.Oldest + ".0",
			"keywords":       []string{"aws", "secrets-manager", "secrets", "rotation"},
			"provider":       map[string]string{"name": "SecretSync", "url": repository},
			"links":          []map[string]string{{"name": "Source", "url": repository}},
			"installModes": []map[string]any{
				mode("OwnNamespace", false), mode("SingleNamespace", false), mode("MultiNamespace", false), mode("AllNamespaces", true)},
			"customresourcedefinitions": map[string]any{"owned": []map[string]string{{
				"name": "secretsyncs.secretsync.dev", "version": "v1alpha1", "kind": "SecretSync",
				"displayName": "SecretSync", "description": "A Secret that follows a secret of AWS Secrets Manager"}}},
			"install": map[string]any{"strategy": "deployment", "spec": map[string]any{
				"clusterPermissions": parts.clusterRoles,
				"permissions":        parts.roles,
				"deployments": []map[string]any{{
					"name": deployment.Name, "label": deployment.Labels, "spec": deployment.Spec}},
			}},
		},
	}
}
