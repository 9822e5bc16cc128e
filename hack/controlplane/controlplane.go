package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options say which control plane to start.
type Options struct {
	// Minor version of Kubernetes. Default: SECRETSYNC_KUBERNETES, then Newest.
	Minor string
	// Audit has the API server write down what ServiceAccounts ask for; Requests reads it.
	Audit bool
	// Progress takes a line now and then while programs are being built. Default: standard error.
	Progress io.Writer
}

// ControlPlane is a control plane that runs. Its processes end with Stop, and with the process that
// started them.
type ControlPlane struct {
	environment *envtest.Environment
	manager     *exec.Cmd
	directory   string
	binaries    string
	config      *rest.Config
}

// Start starts a control plane and waits until it answers.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	if options.Minor == "" {
		options.Minor = os.Getenv("SECRETSYNC_KUBERNETES")
	}
	if options.Minor == "" {
		options.Minor = Newest
	}
	if options.Progress == nil {
		options.Progress = os.Stderr
	}
	binaries, err := Binaries(ctx, options.Minor, options.Progress)
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "secretsync-controlplane-")
	if err != nil {
		return nil, err
	}
	plane := &ControlPlane{binaries: binaries, directory: directory}
	if err := plane.start(options.Audit); err != nil {
		return nil, errors.Join(err, plane.Stop())
	}
	return plane, nil
}

func (p *ControlPlane) start(audit bool) error {
	p.environment = &envtest.Environment{
		BinaryAssetsDirectory:    p.binaries,
		ControlPlaneStartTimeout: time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	server := p.environment.ControlPlane.GetAPIServer()
	server.Configure().
		Set("authorization-mode", "RBAC").
		// envtest turns this one off; the operator's users have it on.
		Disable("disable-admission-plugins")
	if audit {
		if err := p.audit(server); err != nil {
			return err
		}
	}
	config, err := p.environment.Start()
	if err != nil {
		return fmt.Errorf("starting etcd and kube-apiserver: %w", err)
	}
	config.QPS = -1
	p.config = config
	if err := p.WriteKubeconfig(config, p.Kubeconfig()); err != nil {
		return err
	}
	return p.startManager(server.CertDir)
}

// startManager starts kube-controller-manager with the key that the API server checks the tokens of
// ServiceAccounts with.
func (p *ControlPlane) startManager(certificates string) error {
	log, err := os.Create(filepath.Join(p.directory, "kube-controller-manager.log"))
	if err != nil {
		return err
	}
	p.manager = exec.Command(filepath.Join(p.binaries, "kube-controller-manager"),
		"--kubeconfig", p.Kubeconfig(),
		"--service-account-private-key-file", filepath.Join(certificates, "sa-signer.key"),
		"--cert-dir", filepath.Join(p.directory, "kube-controller-manager"),
		"--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0",
		"--kube-api-qps=200", "--kube-api-burst=400",
	)
	p.manager.Stdout, p.manager.Stderr = log, log
	p.manager.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := p.manager.Start(); err != nil {
		return fmt.Errorf("starting kube-controller-manager: %w", err)
	}
	return log.Close()
}

// Config is for an administrator, without a limit on requests.
func (p *ControlPlane) Config() *rest.Config { return rest.CopyConfig(p.config) }

// Kubeconfig is the path of an administrator's kubeconfig.
func (p *ControlPlane) Kubeconfig() string { return filepath.Join(p.directory, "kubeconfig") }

// Kubectl is the path of a kubectl of the same version.
func (p *ControlPlane) Kubectl() string { return filepath.Join(p.binaries, "kubectl") }

// Directory is the control plane's own, for files that shall go with it.
func (p *ControlPlane) Directory() string { return p.directory }

// Stop ends the processes and removes the directory.
func (p *ControlPlane) Stop() error {
	var problems []error
	if p.manager != nil && p.manager.Process != nil {
		problems = append(problems, p.manager.Process.Signal(syscall.SIGTERM))
		_ = p.manager.Wait() // Its exit code says that it was told to stop.
	}
	if p.environment != nil {
		problems = append(problems, p.environment.Stop())
	}
	return errors.Join(append(problems, os.RemoveAll(p.directory))...)
}
