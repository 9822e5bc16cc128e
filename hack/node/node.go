package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/secretsync/secretsync/hack/controlplane"
)

// Name is the name of the node.
const Name = "node"

const (
	containerdRoot = "/var/lib/containerd"
	kubeletRoot    = "/var/lib/kubelet"
	// files has configuration, certificates and logs. It is in the mount namespace alone.
	files = "/run/secretsync/node"

	// startsWithin is how long a program may take to get ready; the machine may be slow and busy.
	startsWithin = 3 * time.Minute
)

// Options say which node to start.
type Options struct {
	// Root is the directory of the repository.
	Root string
	// Image is an OCI archive of the operator's image, as make image writes it. Default: a minimal image of this
	// checkout's manager and the certificates of public authorities.
	Image string
	// Progress gets a line for each step. Default: standard error.
	Progress io.Writer
}

func (o Options) report(format string, arguments ...any) {
	into := o.Progress
	if into == nil {
		into = os.Stderr
	}
	fmt.Fprintf(into, format+"\n", arguments...)
}

// Node is a running node with its control plane.
type Node struct {
	Plane *controlplane.ControlPlane
	// Images are the images that the node has.
	Images Images

	programs []*program
}

// prepare builds, outside the namespaces, all that needs the network.
func prepare(ctx context.Context, options Options, directory string) error {
	for _, build := range []func(context.Context, string, io.Writer) (string, error){controlplane.Binaries, controlplane.NodeBinaries} {
		if _, err := build(ctx, controlplane.Newest, os.Stderr); err != nil {
			return err
		}
	}
	options.report("building the images …")
	given := options.Image
	if given != "" {
		var err error
		if given, err = filepath.Abs(given); err != nil {
			return err
		}
		if _, err := os.Stat(given); err != nil {
			return fmt.Errorf("the operator's image is missing, build it by make image: %w", err)
		}
	}
	return buildImages(ctx, options.Root, directory, given)
}

// start starts the node, in the namespaces, and waits until it is Ready.
func start(ctx context.Context, options Options, directory string) (*Node, error) {
	began := time.Now()
	binaries, err := controlplane.NodeBinaries(ctx, controlplane.Newest, os.Stderr)
	if err != nil {
		return nil, err
	}
	images, err := readImages(options.Root, directory)
	if err != nil {
		return nil, err
	}
	n := &Node{Images: images}
	if err := os.MkdirAll(files, 0o755); err != nil {
		return nil, err
	}
	if err := n.startContainerd(ctx, directory); err != nil {
		return nil, n.explained(err)
	}
	certificate, key, err := writeCertificate(files, "kube-apiserver-kubelet-client", "system:masters")
	if err != nil {
		return nil, err
	}
	n.Plane, err = controlplane.Start(ctx, controlplane.Options{Minor: controlplane.Newest, Node: &controlplane.Node{
		Service: ServiceAddress, Services: services, Address: Address, Certificate: certificate, Key: key,
	}})
	if err != nil {
		return nil, err
	}
	if err := n.startKubelet(binaries, certificate, cgroup(directory)); err != nil {
		return nil, n.explained(err)
	}
	if err := n.startScheduler(binaries); err != nil {
		return nil, n.explained(err)
	}
	if err := n.awaitReady(ctx); err != nil {
		return nil, n.explained(err)
	}
	options.report("the node is Ready after %s", time.Since(began).Round(time.Second))
	return n, nil
}

func (n *Node) startScheduler(binaries string) error {
	return n.run("kube-scheduler", exec.Command(filepath.Join(binaries, "kube-scheduler"),
		"--kubeconfig", n.Plane.Kubeconfig(), "--authentication-kubeconfig", n.Plane.Kubeconfig(), "--authorization-kubeconfig", n.Plane.Kubeconfig(),
		"--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0"))
}

func (n *Node) awaitReady(ctx context.Context) error {
	clients, err := kubernetes.NewForConfig(n.Plane.Config())
	if err != nil {
		return err
	}
	return n.await("the node is Ready", func() error {
		found, err := clients.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range found.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
			if condition.Type == corev1.NodeReady {
				return errors.New(condition.Message)
			}
		}
		return errors.New("the node has no condition Ready")
	})
}

// await waits until a check succeeds, or a program has ended.
func (n *Node) await(what string, check func() error) error {
	var last error
	for end := time.Now().Add(startsWithin); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if last = check(); last == nil {
			return nil
		}
		for _, running := range n.programs {
			if err := running.hasEnded(); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("timed out: %s: %w", what, last)
}
