package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
)

// Manager is a manager that runs as a process.
type Manager struct {
	// Health and Metrics are addresses, as host:port; both serve plain HTTP.
	Health, Metrics string

	command *exec.Cmd
	log     string
	ended   chan error
}

// readyWithin is how long a manager may take to get ready; the machine may be slow and busy.
const readyWithin = 60 * time.Second

// StartManager starts a manager and waits until it is ready. It logs to the file name.log in the control plane's
// directory.
func (e *Environment) StartManager(name string, flags ...string) (*Manager, error) {
	m := &Manager{log: filepath.Join(e.Plane.Directory(), name+".log"), ended: make(chan error, 1)}
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if m.Health, err = freeAddress(); err != nil {
		return nil, err
	}
	if m.Metrics, err = freeAddress(); err != nil {
		return nil, err
	}
	m.command = exec.Command(e.Binary, append([]string{
		"--leader-elect=false", "--log-level=debug", "--cluster-name=tests",
		"--health-probe-bind-address=" + m.Health,
		"--metrics-bind-address=" + m.Metrics, "--metrics-secure=false",
	}, flags...)...)
	m.command.Stdout, m.command.Stderr = log, log
	m.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.command.Env = e.environment()
	if err := m.command.Start(); err != nil {
		return nil, err
	}
	go func() { m.ended <- m.command.Wait() }()
	return m, m.awaitReady()
}

// environment gives the environment variables of a manager. The developer's own AWS_... variables and files are left
// out.
func (e *Environment) environment() []string {
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "AWS_") })
	credentials := e.Credentials
	if credentials == nil {
		credentials = []string{"AWS_ACCESS_KEY_ID=operator", "AWS_SECRET_ACCESS_KEY=not-checked", "AWS_EC2_METADATA_DISABLED=true"}
	}
	return slices.Concat(own, []string{
		"KUBECONFIG=" + e.Kubeconfig, "AWS_ENDPOINT_URL=" + e.AWS.URL(), "AWS_REGION=" + localaws.DefaultRegion,
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"SECRETSYNC_LEADER_ELECTION_LEASE=15s", // Longer than by default: the machine may be slow and busy.
	}, credentials, e.Variables)
}

func (m *Manager) awaitReady() error {
	for end := time.Now().Add(readyWithin); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-m.ended:
			m.ended <- err
			return fmt.Errorf("the manager ended (%w): see its log: %s", err, m.Tail())
		default:
		}
		answer, err := http.Get("http://" + m.Health + "/readyz")
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the manager did not become ready: %s", m.Tail())
}

// Stop ends the manager by SIGTERM, as the kubelet does. It returns an error if the manager exits with another code
// than 0.
func (m *Manager) Stop() error {
	if err := m.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-m.ended
}

// Kill ends the manager by SIGKILL.
func (m *Manager) Kill() error {
	if err := m.command.Process.Kill(); err != nil {
		return err
	}
	if err := <-m.ended; err == nil {
		return errors.New("the manager ended by itself before it was killed")
	}
	return nil
}

// Pause stops the manager by SIGSTOP until it is resumed.
func (m *Manager) Pause() error { return m.command.Process.Signal(syscall.SIGSTOP) }

// Resume continues a manager that was paused.
func (m *Manager) Resume() error { return m.command.Process.Signal(syscall.SIGCONT) }

// Ended says whether the manager has ended by itself, and how.
func (m *Manager) Ended() (bool, error) {
	select {
	case err := <-m.ended:
		m.ended <- err
		return true, err
	default:
		return false, nil
	}
}

// Quit ends the manager by SIGQUIT, so that its log shows the stacks of all goroutines. It is for managers that hang.
func (m *Manager) Quit() error {
	if err := m.command.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	if err := <-m.ended; err == nil {
		return errors.New("the manager ended by itself before SIGQUIT")
	}
	return nil
}

// DataRace is the first report of the race detector, or empty. There is one only if the manager was built with Race.
func (m *Manager) DataRace() (string, error) {
	content, err := m.Log()
	if err != nil {
		return "", err
	}
	const most = 8000
	_, report, found := strings.Cut(string(content), "WARNING: DATA RACE")
	if !found {
		return "", nil
	}
	return "WARNING: DATA RACE" + report[:min(len(report), most)], nil
}

// Log is the whole log of the manager.
func (m *Manager) Log() ([]byte, error) { return os.ReadFile(m.log) }

// LogFile is the path of the log.
func (m *Manager) LogFile() string { return m.log }

// PID is the process ID.
func (m *Manager) PID() int { return m.command.Process.Pid }

// Tail is the end of the log.
func (m *Manager) Tail() string {
	content, err := m.Log()
	if err != nil {
		return err.Error()
	}
	const most = 4000
	return string(content[max(0, len(content)-most):])
}

// freeAddress is an address that no process listens on. Its port is below the range from which Linux takes ports for
// outgoing connections (ip_local_port_range begins at 32768): one of those could be taken before the manager listens.
func freeAddress() (string, error) {
	const least, most, tries = 20000, 32000, 20
	var problem error
	for range tries {
		address := fmt.Sprintf("127.0.0.1:%d", least+rand.IntN(most-least))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			problem = err
			continue
		}
		listener.Close()
		return address, nil
	}
	return "", problem
}
