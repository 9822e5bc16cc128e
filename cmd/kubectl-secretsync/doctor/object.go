package doctor

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// kind and crdName are the resource as kubectl takes it.
const crdName = "secretsyncs.secretsync.dev"

// kubectl is a command about the SecretSync.
func (s *subject) kubectl(verb, rest string) Fix {
	return Fix{Command, fmt.Sprintf("kubectl %s %s %s -n %s %s", verb, crdName, s.Name, s.Namespace, rest)}
}

// edit is a change of the spec, in the form of a merge patch. If it is applied from Git, it has to be made there.
func (s *subject) edit(patch string) Fix {
	command := s.kubectl("patch", "--type=merge -p '"+patch+"'")
	if owner := s.Applied(s.SecretSync); owner != "" {
		return Fix{Edit, owner + " applies it from Git: commit there what this would change: " + command.Text}
	}
	return command
}

// plugin is a command of the plugin about the SecretSync.
func (s *subject) plugin(verb string) Fix {
	return Fix{Command, fmt.Sprintf("kubectl secretsync %s %s -n %s", verb, s.Name, s.Namespace)}
}

func objectMode(_ context.Context, s *subject) Finding {
	switch {
	case s.Spec.Suspend:
		return warning("it is suspended, and does not follow AWS", s.plugin("resume"))
	case s.Observes():
		return warning("spec.mode is Observe, which writes nothing", s.edit(`{"spec":{"mode":"Sync"}}`))
	}
	return ok("")
}

func objectSeen(ctx context.Context, s *subject) Finding {
	if s.fresh && s.ready.Status != metav1.ConditionUnknown {
		return ok("")
	}
	evidence := fmt.Sprintf("no operator has handled generation %d of the spec yet", s.Generation)
	found := broken(evidence, Fix{Edit, "wait some seconds; if it stays so, see the log of the operator"})
	mine, seen, err := s.mine(ctx)
	switch {
	case err != nil:
		found = broken(evidence+"; the operator was not checked", Fix{Edit, "ask those who may see the operator: does it run, and does it watch this namespace?"}).with(unchecked(err, rightDeployments()).Needs...)
	case len(seen) > 0 && len(mine) > 0:
		found.Fix = []Fix{mine[0].kubectl("logs", ""), mine[0].kubectl("rollout restart", "")}
	}
	return found
}

func objectSpec(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "correct the field that the message names, or divide a spec that is too large"})
}

// CRDKind is the kind of CRDs, which are read without their types.
func CRDKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
}

func crdVersion(ctx context.Context, s *subject) Finding {
	known, err := s.schema.get(func() (map[string]any, error) {
		crd := &unstructured.Unstructured{}
		crd.SetGroupVersionKind(CRDKind())
		err := s.Cluster.Get(ctx, client.ObjectKey{Name: crdName}, crd)
		return crd.Object, err
	})
	if err != nil {
		return unchecked(err, Right{"kubernetes", "get", "customresourcedefinitions"})
	}
	versions, _, _ := unstructured.NestedSlice(known, "spec", "versions")
	for _, version := range versions {
		of, _ := version.(map[string]any)
		if of["name"] != v1alpha1.GroupVersion.Version {
			continue
		}
		root, _, _ := unstructured.NestedMap(of, "schema", "openAPIV3Schema")
		if lacks := lacking("", root, reflect.TypeFor[v1alpha1.SecretSync]()); len(lacks) > 0 {
			return broken("the CRD is older than this version, and lacks "+strings.Join(lacks, ", "),
				Fix{Edit, "upgrade the CRD to that of the operator's version: docs/operations.md#upgrading-and-uninstalling"})
		}
		return ok("")
	}
	return broken("the CRD does not have the version " + v1alpha1.GroupVersion.Version)
}

// lacking are the fields of spec and status that a schema does not have.
func lacking(path string, definition map[string]any, of reflect.Type) (fields []string) {
	properties, _, _ := unstructured.NestedMap(definition, "properties")
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "metadata" {
			continue
		}
		has, is := properties[name].(map[string]any)
		kind := field.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		switch {
		case !is:
			fields = append(fields, strings.TrimPrefix(path+"."+name, "."))
		case kind.Kind() == reflect.Struct && kind.PkgPath() == of.PkgPath():
			fields = append(fields, lacking(path+"."+name, has, kind)...)
		}
	}
	return fields
}

// Unreadable is the diagnosis of an installation whose SecretSyncs can't be read. It says the same as refused errors of
// other verbs, and what fixes it.
func (f *Facts) Unreadable(err error) Diagnosis {
	result := Diagnosis{Object: Installation, Checks: []Finding{{ID: "crd.there", Needs: []Right{}, Fix: []Fix{}}}}
	found := &result.Checks[0]
	switch {
	case apierrors.IsNotFound(err):
		found.Status, found.Evidence = Broken, "the cluster has no kind SecretSync: the CRD "+crdName+" is not installed"
		found.Fix = []Fix{{Command, "helm install secretsync oci://ghcr.io/secretsync/charts/secretsync -n " + f.OperatorNamespace + " --create-namespace"}}
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		*found = unchecked(err, Right{"kubernetes", "list", crdName})
		found.ID, found.Fix = "crd.there", []Fix{}
	default:
		found.ID, found.Status, found.Evidence = "api.reach", Unknown, "the API server was not reached: "+err.Error()
	}
	result.conclude()
	return result
}

// Alone runs the checks that are about no SecretSync, for a namespace without any.
func (f *Facts) Alone(ctx context.Context, namespace string) Diagnosis {
	none := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}
	s, result := &subject{Facts: f, SecretSync: none}, Diagnosis{Object: Installation}
	for _, c := range checks() {
		if strings.HasPrefix(c.id, "op.") || c.id == "crd.version" || c.id == "scope.namespace" {
			c.reasons = nil
			result.Checks = append(result.Checks, s.run(ctx, c, result.First))
			result.conclude()
		}
	}
	return result
}

// anchor is the heading of a reason in the documentation.
func anchor(reason string) string { return strings.ToLower(reason) }
