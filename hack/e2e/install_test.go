package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/secretsync/secretsync/hack/testenv"
)

// role has rules, and the built-in roles that it is aggregated to.
type role struct {
	Rules []rbacv1.PolicyRule
	AddTo []string
}

// boundRole is a binding: what its role allows, and to whom.
type boundRole struct {
	Kind, Namespace string
	Subjects        []rbacv1.Subject
	Rules           []rbacv1.PolicyRule
}

// installation is what an installation creates in a cluster, as far as both ways of installing must agree: without the
// names of roles, and without flags, which kustomize leaves at their defaults.
type installation struct {
	CRDs     []apiextensionsv1.CustomResourceDefinitionSpec
	Roles    map[string]role
	Grants   []boundRole
	Services []corev1.ServiceSpec
	Accounts []string
	Pod      corev1.PodSpec
	flags    []string
}

// rendered reads the manifests that a command prints.
func rendered(t *testing.T, manifests []byte) installation {
	t.Helper()
	all := installation{Roles: map[string]role{}}
	named, bindings := map[string]role{}, []rbacv1.ClusterRoleBinding{}
	for _, object := range decoded(t, manifests) {
		switch o := object.(type) {
		case *apiextensionsv1.CustomResourceDefinition:
			all.CRDs = append(all.CRDs, o.Spec)
		case *rbacv1.ClusterRole:
			named["ClusterRole/"+o.Name] = role{Rules: o.Rules, AddTo: aggregated(o.Labels)}
		case *rbacv1.Role:
			named["Role/"+o.Name] = role{Rules: o.Rules}
		case *rbacv1.ClusterRoleBinding:
			bindings = append(bindings, *o)
		case *rbacv1.RoleBinding:
			bindings = append(bindings, rbacv1.ClusterRoleBinding{ObjectMeta: o.ObjectMeta, RoleRef: o.RoleRef, Subjects: o.Subjects})
		case *corev1.Service:
			all.Services = append(all.Services, o.Spec)
		case *corev1.ServiceAccount:
			all.Accounts = append(all.Accounts, o.Namespace+"/"+o.Name)
		case *appsv1.Deployment:
			all.Pod = o.Spec.Template.Spec
			container := &all.Pod.Containers[0]
			all.flags, container.Args = container.Args, nil
			container.Image, _, _ = strings.Cut(container.Image, ":")
		}
	}
	for _, r := range named {
		all.Roles[fmt.Sprint(r.Rules)] = r
	}
	for _, b := range bindings {
		r, found := named[b.RoleRef.Kind+"/"+b.RoleRef.Name]
		if !found {
			t.Errorf("%s binds %s %s, which is not there", b.Name, b.RoleRef.Kind, b.RoleRef.Name)
		}
		all.Grants = append(all.Grants, boundRole{b.RoleRef.Kind, b.Namespace, b.Subjects, r.Rules})
	}
	slices.SortFunc(all.Grants, func(a, b boundRole) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}

func aggregated(labels map[string]string) (to []string) {
	for label := range labels {
		if strings.HasPrefix(label, rbacv1.GroupName+"/") {
			to = append(to, label)
		}
	}
	slices.Sort(to)
	return to
}

func decoded(t *testing.T, manifests []byte) (objects []runtime.Object) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for document := range bytes.SplitSeq(manifests, []byte("\n---\n")) {
		if !bytes.Contains(document, []byte("kind:")) {
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("not valid: %v\n%s", err, document)
		}
		objects = append(objects, object)
	}
	return objects
}

// tool builds one of the pinned tools if it is missing.
func tool(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("bin", name)
	build := exec.CommandContext(t.Context(), "make", "--no-print-directory", path)
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v: %s", name, err, output)
	}
	return filepath.Join(root, path)
}

func output(t *testing.T, command string, arguments ...string) []byte {
	t.Helper()
	printed, err := exec.CommandContext(t.Context(), command, arguments...).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return printed
}

// chart renders the chart with values from files.
func chart(t *testing.T, values ...string) []byte {
	t.Helper()
	arguments := []string{"template", "secretsync", filepath.Join(root, "config/chart"), "--namespace", testenv.OperatorNamespace}
	for _, file := range values {
		arguments = append(arguments, "--values", file)
	}
	return output(t, tool(t, "helm"), arguments...)
}

func kustomized(t *testing.T) []byte {
	t.Helper()
	return output(t, tool(t, "kustomize"), "build", filepath.Join(root, "config/default"))
}

// TestChartAndKustomizeInstallTheSame: the CRD, the roles and the pod have one source.
func TestChartAndKustomizeInstallTheSame(t *testing.T) {
	byChart, byKustomize := rendered(t, chart(t)), rendered(t, kustomized(t))
	if len(byChart.CRDs) != 1 || len(byChart.Roles) != 6 || len(byChart.Grants) != 3 || len(byChart.Services) != 1 || len(byChart.Pod.Containers) != 1 {
		t.Fatalf("the chart is not read whole: %d CRDs, %d roles, %d grants, %d Services, %d containers",
			len(byChart.CRDs), len(byChart.Roles), len(byChart.Grants), len(byChart.Services), len(byChart.Pod.Containers))
	}
	quantities := cmp.Comparer(func(a, b resource.Quantity) bool { return a.Cmp(b) == 0 })
	if diff := cmp.Diff(byChart, byKustomize, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(installation{}), quantities); diff != "" {
		t.Errorf("the chart and config/default differ (-chart +kustomize):\n%s", diff)
	}
	if byKustomize.flags != nil {
		t.Errorf("config/default sets flags: %s", byKustomize.flags)
	}
}

// TestChartSetsFlagsToTheirDefaults checks that the chart's default values equal the manager's defaults, which
// kustomize installs.
func TestChartSetsFlagsToTheirDefaults(t *testing.T) {
	help, err := exec.CommandContext(t.Context(), shared.Binary, "--help").CombinedOutput()
	if err != nil && !bytes.Contains(help, []byte("-poll-interval")) {
		t.Fatalf("asking the manager for its flags: %v: %s", err, help)
	}
	flags := rendered(t, chart(t)).flags
	if len(flags) < 5 {
		t.Fatalf("the chart sets only %s", flags)
	}
	for _, flag := range flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		if name == "leader-election-namespace" {
			continue // Empty means the pod's own namespace, which is that of the release.
		}
		found := regexp.MustCompile(`(?m)^  -` + name + `\b.*\n.*?(?: \(default "?([^"]*?)"?\))?$`).FindSubmatch(help)
		if found == nil || !sameSetting(value, string(found[1])) {
			t.Errorf("the chart sets %s, the manager's help says of it %q", flag, found)
		}
	}
}

// sameSetting compares as text or, as 5m equals 5m0s, as durations. A help text leaves out the default false (package
// flag, "PrintDefaults").
func sameSetting(set, help string) bool {
	x, notX := time.ParseDuration(set)
	y, notY := time.ParseDuration(help)
	return set == help || set == "false" && help == "" || notX == nil && notY == nil && x == y
}
