package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// traces are what a control plane must not leave behind.
type traces struct {
	directory string
	pids      map[string]int
}

// tracesOf reads the process IDs of a running control plane.
func tracesOf(t *testing.T, directory string) traces {
	t.Helper()
	found := traces{directory: directory, pids: map[string]int{}}
	for _, program := range []string{"etcd", "kube-apiserver", "kube-controller-manager"} {
		content, err := os.ReadFile(filepath.Join(directory, "run", program+".pid"))
		if err != nil {
			t.Fatal(err)
		}
		if found.pids[program], err = strconv.Atoi(strings.TrimSpace(string(content))); err != nil {
			t.Fatal(err)
		}
		if !runs(found.pids[program]) {
			t.Fatalf("%s does not run as process %d: nothing is checked", program, found.pids[program])
		}
	}
	return found
}

// runs says whether a process runs. A process that has ended may still be a zombie (proc(5), state Z).
func runs(pid int) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(content), ") Z ")
}

// left names what still exists.
func (left traces) left() (what []string) {
	for program, pid := range left.pids {
		if runs(pid) {
			what = append(what, program)
		}
	}
	if _, err := os.Stat(left.directory); !os.IsNotExist(err) {
		what = append(what, left.directory)
	}
	return what
}

func TestStopLeavesNothing(t *testing.T) {
	plane, err := Start(t.Context(), Options{Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	all := tracesOf(t, plane.Directory())
	if err := plane.Stop(); err != nil {
		t.Error(err)
	}
	if left := all.left(); left != nil {
		t.Errorf("left behind: %s", left)
	}
}

func TestStopAfterACrashLeavesNothing(t *testing.T) {
	plane, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := tracesOf(t, plane.Directory())
	for _, pid := range []int{all.pids["etcd"], all.pids["kube-controller-manager"]} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if err := plane.Stop(); err != nil {
		t.Error(err)
	}
	if left := all.left(); left != nil {
		t.Errorf("left behind: %s", left)
	}
}

// TestNothingOutlivesItsParent runs itself as a process that starts a control plane, and ends that process in ways that
// leave it no time to clean up.
func TestNothingOutlivesItsParent(t *testing.T) {
	const parent = "SECRETSYNC_TEST_PARENT"
	if os.Getenv(parent) != "" {
		plane, err := Start(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("directory:", plane.Directory())
		select {}
	}
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "interrupted": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNothingOutlivesItsParent$")
			command.Env = append(os.Environ(), parent+"=1")
			output, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			var directory string
			if _, err := fmt.Fscanf(output, "directory: %s\n", &directory); err != nil {
				t.Fatal(err)
			}
			all := tracesOf(t, directory)
			if err := command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = command.Wait() // It was killed.
			for end := time.Now().Add(30 * time.Second); all.left() != nil && time.Now().Before(end); {
				time.Sleep(50 * time.Millisecond)
			}
			if left := all.left(); left != nil {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

func TestStartSaysWhatAProgramSaidLast(t *testing.T) {
	given := assets(t)
	for _, p := range programs() {
		if err := os.WriteFile(filepath.Join(given, p.name), []byte("#!/bin/sh\necho no room in $0 >&2\nexit 1\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("KUBEBUILDER_ASSETS", given)
	_, err := Start(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "no room in "+filepath.Join(given, "etcd")) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
