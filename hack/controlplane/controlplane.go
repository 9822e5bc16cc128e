package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options say which control plane to start.
type Options struct {
	// Minor version of Kubernetes. Default: SECRETSYNC_KUBERNETES, then Newest.
	Minor string
	// Audit has the API server log the requests of ServiceAccounts; Requests reads the log.
	Audit bool
	// Node makes the control plane reachable for the kubelet and the pods of a node; nil if there is no node.
	Node *Node
	// Progress gets a line now and then while programs are being built. Default: standard error.
	Progress io.Writer
}

// ControlPlane is a running control plane. Stop ends its processes and removes its files. So does the end of the
// process that started it, even if that is killed.
type ControlPlane struct {
	keeper      *keeper
	node        *Node
	environment *envtest.Environment
	manager     *exec.Cmd
	logs        []*os.File
	directory   string
	binaries    string
	config      *rest.Config
	backups     int
}

// Start starts a control plane and waits until it answers.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	// Errors say what clients and envtest would log. Without a logger, controller-runtime prints a stack dump half a
	// minute after the start of the program, while the programs are being built.
	ctrl.SetLogger(logr.Discard())
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
	plane := &ControlPlane{binaries: binaries, directory: directory, node: options.Node}
	if plane.keeper, err = startKeeper(directory); err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	if err := plane.start(options.Audit); err != nil {
		return nil, errors.Join(err, plane.Stop())
	}
	return plane, nil
}

func (p *ControlPlane) start(audit bool) error {
	p.environment = &envtest.Environment{
		UseExistingCluster:       new(bool), // Never an existing cluster, whatever the environment says.
		ControlPlaneStartTimeout: time.Minute,
	}
	server := p.environment.ControlPlane.GetAPIServer()
	server.Configure().
		Set("authorization-mode", "RBAC").
		// envtest turns this admission plugin off; real clusters have it on.
		Disable("disable-admission-plugins")
	p.node.serve(server)
	if audit {
		if err := p.audit(server); err != nil {
			return err
		}
	}
	if err := p.place(server); err != nil {
		return err
	}
	config, err := p.environment.Start()
	if err != nil {
		return fmt.Errorf("starting etcd and kube-apiserver: %w\n%s", err, p.lastWords())
	}
	config.QPS = -1
	p.config = config
	if err := p.WriteKubeconfig(config, p.Kubeconfig()); err != nil {
		return err
	}
	return p.startManager(server.CertDir)
}

// place sets the directories of etcd and kube-apiserver for data, certificates and logs, below the control plane's
// directory, and registers both with the keeper.
func (p *ControlPlane) place(server *envtest.APIServer) (err error) {
	etcd := &envtest.Etcd{DataDir: filepath.Join(p.directory, "etcd")}
	server.CertDir = filepath.Join(p.directory, "kube-apiserver")
	for _, directory := range []string{etcd.DataDir, server.CertDir} {
		if err := os.Mkdir(directory, 0o700); err != nil {
			return err
		}
	}
	if etcd.Path, err = p.kept("etcd"); err != nil {
		return err
	}
	if server.Path, err = p.kept("kube-apiserver"); err != nil {
		return err
	}
	if etcd.Err, err = p.createLog("etcd"); err != nil {
		return err
	}
	if server.Err, err = p.createLog("kube-apiserver"); err != nil {
		return err
	}
	p.environment.ControlPlane.Etcd = etcd
	return nil
}

// startManager starts kube-controller-manager with the key by which the API server verifies the tokens of
// ServiceAccounts.
func (p *ControlPlane) startManager(certificates string) error {
	const program = "kube-controller-manager"
	log, err := p.createLog(program)
	if err != nil {
		return err
	}
	root, err := p.rootCA(certificates)
	if err != nil {
		return err
	}
	p.manager = exec.Command(filepath.Join(p.binaries, program), append(root,
		"--kubeconfig", p.Kubeconfig(),
		"--service-account-private-key-file", filepath.Join(certificates, "sa-signer.key"),
		"--cert-dir", filepath.Join(p.directory, program),
		"--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0",
		"--kube-api-qps=200", "--kube-api-burst=400",
	)...)
	p.manager.Stdout, p.manager.Stderr = log, log
	p.manager.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // As envtest does for the others.
	if err := p.manager.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	return p.keep(program, p.manager.Process.Pid)
}

// Config has an administrator's permissions and no rate limit.
func (p *ControlPlane) Config() *rest.Config { return rest.CopyConfig(p.config) }

// Kubeconfig is the path of an administrator's kubeconfig.
func (p *ControlPlane) Kubeconfig() string { return filepath.Join(p.directory, "kubeconfig") }

// Kubectl is the path of a kubectl of the same version.
func (p *ControlPlane) Kubectl() string { return filepath.Join(p.binaries, "kubectl") }

// Directory is the control plane's directory, for files that Stop removes.
func (p *ControlPlane) Directory() string { return p.directory }

func (p *ControlPlane) log(program string) string {
	return filepath.Join(p.directory, program+".log")
}

func (p *ControlPlane) createLog(program string) (*os.File, error) {
	log, err := os.Create(p.log(program))
	if err == nil {
		p.logs = append(p.logs, log)
	}
	return log, err
}

// lastWords are the ends of the logs of etcd and kube-apiserver, which Stop removes.
func (p *ControlPlane) lastWords() string {
	const most = 1000
	var words strings.Builder
	for _, program := range []string{"etcd", "kube-apiserver"} {
		content, err := os.ReadFile(p.log(program))
		if err != nil {
			content = []byte(err.Error())
		}
		fmt.Fprintf(&words, "%s said last:\n%s\n", program, content[max(0, len(content)-most):])
	}
	return words.String()
}

// Stop kills the processes and removes the directory. It does not ask them to end, as nothing has to be saved, and
// kube-apiserver would wait a minute for an etcd that has crashed.
func (p *ControlPlane) Stop() error {
	problems := []error{p.keeper.end()}
	if p.environment != nil {
		_ = p.environment.Stop() // Waits for the processes; it returns an error because they were killed.
	}
	if p.manager != nil && p.manager.Process != nil {
		_ = p.manager.Wait()
	}
	for _, log := range p.logs {
		problems = append(problems, log.Close())
	}
	return errors.Join(problems...)
}
