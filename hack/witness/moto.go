package witness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	// Account is the one that moto's secrets belong to.
	Account = "123456789012"

	// startWithin is how long moto may take to listen; Python starts slowly on a busy machine.
	startWithin = time.Minute
)

// ErrNone says that moto is not installed.
var ErrNone = errors.New("moto is not installed: it comes with python3 -m pip install 'moto[server]==5.2.1'")

// Moto is a moto server that runs as a process.
type Moto struct {
	// URL is what AWS_ENDPOINT_URL should be, for Secrets Manager, STS and SQS.
	URL string
	// Version of moto.
	Version string

	command *exec.Cmd
	// ended is closed when the process has ended, by the problem, if there is one.
	ended   chan struct{}
	problem error
}

// Version is the version of moto that is installed; ErrNone is returned where none is.
func Version(ctx context.Context) (string, error) {
	_, version, err := find(ctx)
	return version, err
}

// find gives the command that starts moto, and its version.
func find(ctx context.Context) (command []string, version string, err error) {
	output, err := exec.CommandContext(ctx, "python3", "-c", "import moto.server, moto; print(moto.__version__)").Output()
	if err == nil {
		return []string{"python3", "-m", "moto.server"}, strings.TrimSpace(string(output)), nil
	}
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	if program, err := exec.LookPath("moto_server"); err == nil { // As pipx installs it: of no Python on the PATH.
		return []string{program}, "of an unknown version", nil
	}
	return nil, "", ErrNone
}

// Start starts a moto and waits until it listens, on a free port of the loopback interface. Close it.
func Start(ctx context.Context) (*Moto, error) {
	command, version, err := find(ctx)
	if err != nil {
		return nil, err
	}
	m := &Moto{Version: version, ended: make(chan struct{})}
	m.command = exec.Command(command[0], append(command[1:], "-H", "127.0.0.1", "-p", "0")...)
	m.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.command.Env = append(os.Environ(), "PYTHONUNBUFFERED=1")
	log, err := m.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := m.command.Start(); err != nil {
		return nil, fmt.Errorf("starting moto: %w", err)
	}
	urls := make(chan string, 1)
	go m.follow(log, urls)
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	select {
	case m.URL = <-urls:
		return m, nil
	case <-m.ended:
		return nil, fmt.Errorf("moto ended before it listened: %w", m.problem)
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("moto does not listen: %w", ctx.Err()), m.Close())
	}
}

// listening is the log line that has the server's port.
var listening = regexp.MustCompile(`Running on (http://127\.0\.0\.1:[0-9]+)`)

// follow reads moto's log to its end, so that moto never waits for a reader, and then waits for the process.
func (m *Moto) follow(log io.Reader, urls chan<- string) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			urls <- found[1]
			break
		}
	}
	_, _ = io.Copy(io.Discard, log) // It ends with the process.
	m.problem = m.command.Wait()
	close(m.ended)
}

// Close ends the process.
func (m *Moto) Close() error {
	if err := m.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-m.ended
	return nil
}
