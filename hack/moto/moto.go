package moto

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
	// Account is the AWS account that moto's secrets belong to.
	Account = "123456789012"

	// startWithin is how long moto may take to listen; Python starts slowly on a busy machine.
	startWithin = time.Minute
)

// ErrNotInstalled says that moto is not installed, and how to install it.
var ErrNotInstalled = errors.New("moto is not installed: it comes with python3 -m pip install 'moto[server]==5.2.1'")

// Server is a moto server that runs as a process.
type Server struct {
	// URL is what AWS_ENDPOINT_URL should be, for Secrets Manager, STS and SQS.
	URL string
	// Version of moto.
	Version string

	command *exec.Cmd
	// ended is closed when the process has ended; problem is why, if it was not asked to.
	ended   chan struct{}
	problem error
}

// Version is the version of moto that is installed; ErrNotInstalled is returned if there is none.
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
	if program, err := exec.LookPath("moto_server"); err == nil { // pipx installs only this program; no Python on the PATH can import moto.
		return []string{program}, "of an unknown version", nil
	}
	return nil, "", ErrNotInstalled
}

// Start starts a server on a free port of the loopback interface and waits until it listens. The caller closes it.
func Start(ctx context.Context) (*Server, error) {
	command, version, err := find(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{Version: version, ended: make(chan struct{})}
	s.command = exec.Command(command[0], append(command[1:], "-H", "127.0.0.1", "-p", "0")...)
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.command.Env = append(os.Environ(), "PYTHONUNBUFFERED=1")
	log, err := s.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("starting moto: %w", err)
	}
	urls := make(chan string, 1)
	go s.follow(log, urls)
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	select {
	case s.URL = <-urls:
		return s, nil
	case <-s.ended:
		return nil, fmt.Errorf("moto ended before it listened: %w", s.problem)
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("moto does not listen: %w", ctx.Err()), s.Close())
	}
}

// listening is the log line that has the server's port.
var listening = regexp.MustCompile(`Running on (http://127\.0\.0\.1:[0-9]+)`)

// follow reads moto's log to its end, so that moto never waits for a reader, and then waits for the process.
func (s *Server) follow(log io.Reader, urls chan<- string) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			urls <- found[1]
			break
		}
	}
	_, _ = io.Copy(io.Discard, log) // It ends with the process.
	s.problem = s.command.Wait()
	close(s.ended)
}

// Close ends the process.
func (s *Server) Close() error {
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return nil
}
