package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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

// root is the repository's, seen from this folder.
const root = "../.."

// world is what the tests of this package share: one control plane and one manager, many namespaces.
type world struct {
	plane  *controlplane.ControlPlane
	aws    *localaws.Running
	client client.Client
	// binary is the manager, built with the race detector.
	binary string
	// kubeconfig is the operator's own, with the permissions of its role and no others.
	kubeconfig string
	manager    *manager
}

// shared is set by TestMain; tests read it.
var shared *world

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "setting up:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx := context.Background()
	w, err := newWorld(ctx)
	if w != nil {
		defer w.close()
	}
	if err != nil {
		return 1, err
	}
	shared = w
	if w.manager, err = w.startManager("shared"); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := w.manager.stop(); err != nil {
		return 1, fmt.Errorf("stopping the manager: %w", err)
	}
	if err := w.searchForValues(ctx); err != nil {
		return 1, err
	}
	return code, nil
}

func newWorld(ctx context.Context) (*world, error) {
	w := &world{}
	var err error
	if w.plane, err = controlplane.Start(ctx, controlplane.Options{}); err != nil {
		return w, err
	}
	if w.aws, err = localaws.Start(&localaws.Server{}, "127.0.0.1:0"); err != nil {
		return w, err
	}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return w, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return w, err
	}
	if w.client, err = client.New(w.plane.Config(), client.Options{Scheme: scheme}); err != nil {
		return w, err
	}
	if err := w.install(ctx); err != nil {
		return w, err
	}
	w.binary = filepath.Join(w.plane.Directory(), "manager")
	build := exec.Command("go", "build", "-race", "-o", w.binary, "./cmd/manager")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return w, fmt.Errorf("building the manager: %w: %s", err, output)
	}
	return w, nil
}

const operatorNamespace, operatorAccount = "secretsync-system", "secretsync"

// install puts in place what an installation has: the CRD, and the operator's role and nothing more.
func (w *world) install(ctx context.Context) error {
	_, err := envtest.InstallCRDs(w.plane.Config(), envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(root, "config/crd/secretsync.dev_secretsyncs.yaml")}, ErrorIfPathMissing: true})
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(root, "config/rbac/role.yaml"))
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(content, role); err != nil {
		return err
	}
	subject := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: operatorNamespace, Name: operatorAccount}}
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: operatorAccount}},
		role,
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name}, Subjects: subject,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		},
	} {
		if err := w.client.Create(ctx, object); err != nil {
			return err
		}
	}
	config, err := w.plane.ServiceAccountConfig(ctx, operatorNamespace, operatorAccount)
	if err != nil {
		return err
	}
	w.kubeconfig = filepath.Join(w.plane.Directory(), "operator.kubeconfig")
	return w.plane.WriteKubeconfig(config, w.kubeconfig)
}

func (w *world) close() {
	if w.aws != nil {
		_ = w.aws.Close()
	}
	if w.plane != nil {
		if err := w.plane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
		}
	}
}

// deadline is how long anything awaited may take; the machine may be slow and busy.
const deadline = 60 * time.Second
