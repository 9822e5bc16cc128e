package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

const (
	// stageVariable is the environment variable that says which stage of Main a process is.
	stageVariable = "SECRETSYNC_NODE_STAGE"
	// directoryVariable names the directory that the first stage has prepared.
	directoryVariable = "SECRETSYNC_NODE_DIRECTORY"

	stageInit = "init"
	stageWork = "work"
)

// Main starts a node and runs a function on it, in namespaces of its own, and exits with the function's code. It runs
// the program three times: the first process prepares what needs the network, and cleans up at the end; the second one
// is process 1 of the namespaces; the third one starts the node and calls work. What work starts ends with it.
//
// Call it first in main or TestMain. An error is printed, and makes the exit code at least 1.
func Main(name string, options Options, work func(ctx context.Context, node *Node) (code int, err error)) {
	var code int
	var err error
	switch os.Getenv(stageVariable) {
	case stageInit:
		code, err = initialize()
	case stageWork:
		code, err = inside(options, work)
	default:
		code, err = outside(options)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func inside(options Options, work func(context.Context, *Node) (int, error)) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	started, err := start(ctx, options, os.Getenv(directoryVariable))
	if err != nil {
		return 1, err
	}
	return work(ctx, started)
}

// outside prepares, runs the second stage in new namespaces, and cleans up.
func outside(options Options) (code int, err error) {
	if err := Missing(); err != nil {
		return 1, err
	}
	directory, err := os.MkdirTemp("", directoryPrefix)
	if err != nil {
		return 1, err
	}
	cleaning, err := startCleaner(directory)
	if err != nil {
		return 1, errors.Join(err, os.RemoveAll(directory))
	}
	defer func() { err = errors.Join(err, cleaning.end()) }()
	// Ctrl-C reaches all processes of the terminal; this one stays to clean up.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	second := make(chan *os.Process, 1)
	go forward(interrupts, second, cancel)
	if err := prepare(ctx, options, directory); err != nil {
		return 1, err
	}
	// The kernel ends the second stage when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stage := again(stageInit)
	stage.Env = append(stage.Env, directoryVariable+"="+directory)
	stage.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	if err := stage.Start(); err != nil {
		return 1, fmt.Errorf("making namespaces: %w", err)
	}
	second <- stage.Process
	return exitCode(stage.Wait())
}

// forward passes SIGTERM on to the second stage once that runs, and ends the preparations before.
func forward(interrupts <-chan os.Signal, second <-chan *os.Process, cancel func()) {
	var running *os.Process
	for {
		select {
		case running = <-second:
		case caught := <-interrupts:
			cancel()
			if running != nil && caught == syscall.SIGTERM {
				_ = running.Signal(caught) // It may have ended.
			}
		}
	}
}

// initialize is process 1 of the namespaces: it sets them up, starts the third stage, and collects the exit status of
// every process whose parent has ended, until the third stage ends.
func initialize() (int, error) {
	if err := setUp(); err != nil {
		return 1, err
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT, syscall.SIGTERM)
	stage := again(stageWork)
	stage.Env = append(stage.Env, "TMPDIR="+temporary)
	if err := stage.Start(); err != nil {
		return 1, err
	}
	go func() {
		for caught := range interrupts {
			if caught == syscall.SIGTERM {
				_ = stage.Process.Signal(caught) // It may have ended.
			}
		}
	}()
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1, fmt.Errorf("waiting for processes: %w", err)
		case ended == stage.Process.Pid && status.Signaled():
			return 1, fmt.Errorf("ended by %s", status.Signal())
		case ended == stage.Process.Pid:
			return status.ExitStatus(), nil
		}
	}
}

// again runs this program again, as another stage.
func again(stage string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Args[0] = os.Args[0]
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = append(os.Environ(), stageVariable+"="+stage)
	return command
}

func exitCode(err error) (int, error) {
	if ended, is := errors.AsType[*exec.ExitError](err); is && ended.Exited() {
		return ended.ExitCode(), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

const (
	directoryPrefix = "secretsync-node-"
	// temporary is the directory for temporary files in the namespaces.
	temporary = "/run/secretsync/tmp"
)

// cgroup is the name of the cgroup of all containers, which is unique to a directory.
func cgroup(directory string) string { return filepath.Base(directory) }

// cleanerScript is a shell script that reads its input to the end. The input ends when the process at its other end ends, in
// whatever way, and with it the namespaces. Then the script removes the cgroups, once the kernel has ended their
// processes, and the directory.
const cleanerScript = `
while read -r _; do :; done
for try in 1 2 3 4 5 6 7 8 9 10; do
  find /sys/fs/cgroup -depth -type d -path "*/$2" -exec find {} -depth -type d -exec rmdir {} + \; 2>/dev/null
  [ -z "$(find /sys/fs/cgroup -type d -name "$2")" ] && break
  sleep 1
done
rm -rf -- "$1"
`

type cleaner struct {
	command *exec.Cmd
	input   *os.File
}

func startCleaner(directory string) (*cleaner, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	command := exec.Command("sh", "-c", cleanerScript, "cleaner", directory, cgroup(directory))
	command.Stdin = reader
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must not end it.
	if err := command.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting a shell that cleans up: %w", err), writer.Close())
	}
	return &cleaner{command: command, input: writer}, os.WriteFile(filepath.Join(directory, "cleaner.pid"), []byte(strconv.Itoa(command.Process.Pid)), 0o600)
}

// end cleans up now.
func (c *cleaner) end() error {
	if err := c.input.Close(); err != nil {
		return err
	}
	if err := c.command.Wait(); err != nil {
		return fmt.Errorf("cleaning up: %w", err)
	}
	return nil
}
