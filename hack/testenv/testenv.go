package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/controlplane"
	"github.com/secretsync/secretsync/hack/localaws"
)

// The operator's namespace and ServiceAccount.
const (
	OperatorNamespace = "secretsync-system"
	OperatorAccount   = "secretsync"
)

// Options say what New sets up.
type Options struct {
	// Root is the directory of the repository.
	Root string
	// Race builds the manager with the race detector.
	Race bool
	// Release builds the manager as it is released, without debug information and without the race detector.
	Release bool
	// Binary is a manager that was built already; empty builds one.
	Binary string
	// Audit has the API server log the requests of ServiceAccounts.
	Audit bool
	// ServiceAccountTokens lets the operator act as ServiceAccounts, as the component service-account-tokens does.
	ServiceAccountTokens bool
	// Bare installs neither the CRD nor the roles, and sets no Kubeconfig; the caller does.
	Bare bool
}

// Environment is a control plane, a local AWS and a manager's binary. StartManager starts managers in it.
type Environment struct {
	Plane *controlplane.ControlPlane
	AWS   *localaws.Running
	// Client has an administrator's permissions, and SecretSyncs in its scheme.
	Client client.Client
	// Binary is the path of the manager's binary.
	Binary string
	// Variables are added to the environment of managers that are started from now on, as "NAME=value".
	Variables []string
	// Credentials are the environment variables by which the AWS SDK finds the operator's credentials.
	// Default: static keys, which the local AWS accepts until it has identities.
	Credentials []string
	// Kubeconfig is the path of the operator's kubeconfig, with the permissions of its role alone.
	Kubeconfig string
}

// New sets an environment up. The caller closes it, after an error too, unless it is nil.
func New(ctx context.Context, options Options) (*Environment, error) {
	e := &Environment{}
	var err error
	if e.Plane, err = controlplane.Start(ctx, controlplane.Options{Audit: options.Audit}); err != nil {
		return nil, err
	}
	if e.AWS, err = localaws.Start(&localaws.Server{}, "127.0.0.1:0"); err != nil {
		return e, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return e, err
	}
	if e.Client, err = client.New(e.Plane.Config(), client.Options{Scheme: scheme}); err != nil {
		return e, err
	}
	if !options.Bare {
		roles := []string{"config/rbac/role.yaml"}
		if options.ServiceAccountTokens {
			roles = append(roles, "config/components/service-account-tokens/role.yaml")
		}
		if err := e.install(ctx, options.Root, roles); err != nil {
			return e, fmt.Errorf("installing: %w", err)
		}
	}
	if options.Binary != "" {
		e.Binary = options.Binary
		return e, nil
	}
	return e, e.build(ctx, options)
}

// install installs the CRD, the operator's roles and no other permission, and the policy that restricts the operator to
// its finalizer. So every test shows that the operator needs no more. The policy about Secrets is left out:
// TestTokenSecrets shows what the roles allow without it.
func (e *Environment) install(ctx context.Context, root string, roles []string) error {
	_, err := envtest.InstallCRDs(e.Plane.Config(), envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(root, "config/crd/secretsync.dev_secretsyncs.yaml")}, ErrorIfPathMissing: true})
	if err != nil {
		return err
	}
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: OperatorNamespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: OperatorNamespace, Name: OperatorAccount}},
	} {
		if err := e.Client.Create(ctx, object); err != nil {
			return err
		}
	}
	for _, file := range roles {
		if err := e.grant(ctx, filepath.Join(root, file)); err != nil {
			return err
		}
	}
	if err := e.restrict(ctx, filepath.Join(root, "config/admission/operator/finalizers-alone.yaml")); err != nil {
		return err
	}
	return e.ActAs(ctx, OperatorNamespace, OperatorAccount)
}

// grant binds the role of a file to the operator, in all namespaces.
func (e *Environment) grant(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(content, role); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return errors.Join(e.Client.Create(ctx, role), e.Client.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: OperatorNamespace, Name: OperatorAccount}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
	}))
}

// restrict creates a policy about the operator and its binding. The API server enforces it a moment later.
func (e *Environment) restrict(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	first, second, found := strings.Cut(string(content), "\n---\n")
	if !found {
		return fmt.Errorf("%s does not hold a policy and a binding", file)
	}
	policy, binding := &admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}
	if err := errors.Join(yaml.UnmarshalStrict([]byte(first), policy), yaml.UnmarshalStrict([]byte(second), binding)); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return errors.Join(e.Client.Create(ctx, policy), e.Client.Create(ctx, binding))
}

// ActAs makes managers that are started from now on authenticate as a ServiceAccount, with the permissions that RBAC
// gives it.
func (e *Environment) ActAs(ctx context.Context, namespace, account string) error {
	config, err := e.Plane.ServiceAccountConfig(ctx, namespace, account)
	if err != nil {
		return err
	}
	e.Kubeconfig = filepath.Join(e.Plane.Directory(), "operator.kubeconfig")
	return e.Plane.WriteKubeconfig(config, e.Kubeconfig)
}

func (e *Environment) build(ctx context.Context, options Options) error {
	e.Binary = filepath.Join(e.Plane.Directory(), "manager")
	var arguments, environment []string
	switch {
	case options.Race:
		arguments = []string{"-race"}
	case options.Release:
		arguments, environment = []string{"-trimpath", "-ldflags=-s -w"}, []string{"CGO_ENABLED=0"} // As in the Makefile.
	}
	build := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-o", e.Binary}, arguments, []string{"./cmd/manager"})...)
	build.Dir, build.Env = options.Root, append(os.Environ(), environment...)
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the manager: %w: %s", err, output)
	}
	return nil
}

// Close ends everything and removes its files.
func (e *Environment) Close() error {
	var problems []error
	if e.AWS != nil {
		problems = append(problems, e.AWS.Close())
	}
	return errors.Join(append(problems, e.Plane.Stop())...)
}
