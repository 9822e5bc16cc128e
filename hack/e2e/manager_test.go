package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
)

// manager is a manager that runs as a process.
type manager struct {
	command *exec.Cmd
	log     string
	// health and metrics are addresses.
	health, metrics string
	ended           chan error
}

// startManager starts a manager and waits until it is ready.
func (w *world) startManager(name string, flags ...string) (*manager, error) {
	m := &manager{log: filepath.Join(w.plane.Directory(), name+".log"), ended: make(chan error, 1)}
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if m.health, err = freeAddress(); err != nil {
		return nil, err
	}
	if m.metrics, err = freeAddress(); err != nil {
		return nil, err
	}
	m.command = exec.Command(w.binary, append([]string{
		"--leader-elect=false", "--log-level=debug", "--cluster-name=e2e",
		"--health-probe-bind-address=" + m.health,
		"--metrics-bind-address=" + m.metrics, "--metrics-secure=false",
	}, flags...)...)
	m.command.Stdout, m.command.Stderr = log, log
	m.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.command.Env = append(os.Environ(),
		"KUBECONFIG="+w.kubeconfig, "AWS_ENDPOINT_URL="+w.aws.URL(), "AWS_REGION="+localaws.DefaultRegion,
		"AWS_ACCESS_KEY_ID=operator", "AWS_SECRET_ACCESS_KEY=not-checked", "AWS_EC2_METADATA_DISABLED=true")
	if err := m.command.Start(); err != nil {
		return nil, err
	}
	go func() { m.ended <- m.command.Wait() }()
	return m, m.awaitReady()
}

func (m *manager) awaitReady() error {
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-m.ended:
			m.ended <- err
			return fmt.Errorf("the manager ended (%v): see its log: %s", err, m.tail())
		default:
		}
		answer, err := http.Get("http://" + m.health + "/readyz")
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the manager did not get ready: %s", m.tail())
}

// stop asks the manager to end, as the kubelet does, and wants it to end well.
func (m *manager) stop() error {
	if err := m.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-m.ended
}

// kill ends the manager without asking.
func (m *manager) kill() error {
	if err := m.command.Process.Kill(); err != nil {
		return err
	}
	<-m.ended
	return nil
}

func (m *manager) tail() string {
	content, err := os.ReadFile(m.log)
	if err != nil {
		return err.Error()
	}
	const most = 4000
	return string(content[max(0, len(content)-most):])
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
