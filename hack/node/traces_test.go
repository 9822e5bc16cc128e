package node

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// endsWithin is how long the end of a node may take on a slow machine.
const endsWithin = time.Minute

// TestNodeLeavesNoTraces: however a node ends, no process, namespace, mount, cgroup or file of it is left.
func TestNodeLeavesNoTraces(t *testing.T) {
	if os.Getenv("SECRETSYNC_NODE") == "" {
		t.Skip("needs a node, which only make test-node starts (on Linux, as root)")
	}
	binary := filepath.Join(t.TempDir(), "node")
	if output, err := exec.Command("go", "build", "-o", binary, "./cmd/node").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, test := range []struct {
		name string
		end  func(t *testing.T, running *runningNode)
	}{
		{"the command ends", func(t *testing.T, running *runningNode) {
			if _, err := running.input.Write([]byte("\n")); err != nil {
				t.Error(err)
			}
		}},
		{"the first process is killed", func(t *testing.T, running *runningNode) { running.kill(t, running.command.Process.Pid) }},
		{"process 1 of the namespaces is killed", func(t *testing.T, running *runningNode) { running.kill(t, running.first(t)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			running := startNode(t, binary)
			left := running.traces(t)
			test.end(t, running)
			_ = running.command.Wait() // Its exit code is that of the way in which it ended.
			left.awaitGone(t)
		})
	}
}

// runningNode is a node that runs as a process of its own, with a command that waits for a line of input.
type runningNode struct {
	command *exec.Cmd
	input   io.Writer
	// temporary is the node's own directory for temporary files.
	temporary string
}

// startNode starts a node and waits until its command runs.
func startNode(t *testing.T, binary string) *runningNode {
	t.Helper()
	command := exec.Command(binary, "sh", "-c", "kubectl get node && echo ready && read line")
	running := &runningNode{command: command, temporary: t.TempDir()}
	command.Dir, command.Env, command.Stderr = "../..", append(os.Environ(), "TMPDIR="+running.temporary), os.Stderr
	// The input stays open when the first process ends, so that the command does not end for lack of it.
	reader, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), input.Close() })
	command.Stdin = reader
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	running.input = input
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if lines.Text() == "ready" {
			return running
		}
	}
	t.Fatalf("the node did not start: %v", command.Wait())
	return nil
}

func (r *runningNode) kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

// first is process 1 of the node's namespaces, in the numbers of this namespace.
func (r *runningNode) first(t *testing.T) int {
	t.Helper()
	for pid := range r.processes(t) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(status)) {
			if fields := strings.Fields(line); fields[0] == "NSpid:" && fields[len(fields)-1] == "1" && len(fields) == depth(t)+2 {
				return pid
			}
		}
	}
	t.Fatal("the node has no process 1")
	return 0
}

// depth is the number of nested namespaces of processes that this process is in.
func depth(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == "NSpid:" {
			return len(fields) - 1
		}
	}
	t.Fatal("the kernel does not show NSpid")
	return 0
}

// processes are the descendants of the node's first process and that process, by their start times: a process ID may
// be used again.
func (r *runningNode) processes(t *testing.T) map[int]string {
	t.Helper()
	parents, started := map[int]int{}, map[int]string{}
	for _, pid := range running(t) {
		if parent, start, found := stat(pid); found {
			parents[pid], started[pid] = parent, start
		}
	}
	found := map[int]string{}
	for pid := range parents {
		for at := pid; at != 0; at = parents[at] {
			if at == r.command.Process.Pid {
				found[pid] = started[pid]
			}
		}
	}
	return found
}

// running are the IDs of all processes.
func running(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(filepath.Base(entry)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stat gives the parent of a process and the time of its start; false if it has ended.
func stat(pid int) (parent int, start string, found bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", false
	}
	// The name of the program, in parentheses, may have spaces.
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	const state, parentField, startField = 0, 1, 19
	if parent, err = strconv.Atoi(fields[parentField]); err != nil || fields[state] == "Z" {
		return 0, "", false
	}
	return parent, fields[startField], true
}

// traces are what a running node has on the machine.
type traces struct {
	processes  map[int]string
	namespaces map[string]bool
	cgroup     string
	temporary  string
}

// traces records what the node has. It fails if that is less than expected, because then nothing would be checked.
func (r *runningNode) traces(t *testing.T) traces {
	t.Helper()
	directories, err := filepath.Glob(filepath.Join(r.temporary, directoryPrefix+"*"))
	if err != nil || len(directories) != 1 {
		t.Fatalf("the node has %d directories: %v", len(directories), err)
	}
	recorded := traces{processes: r.processes(t), namespaces: map[string]bool{}, cgroup: cgroup(directories[0]), temporary: r.temporary}
	own := namespaces(os.Getpid())
	for pid := range recorded.processes {
		for _, namespace := range namespaces(pid) {
			recorded.namespaces[namespace] = true
		}
	}
	for _, namespace := range own {
		delete(recorded.namespaces, namespace)
	}
	// At least the node's command, its three stages, containerd, kubelet, kube-scheduler and four of the control plane.
	const fewest, kinds = 11, 5
	if len(recorded.processes) < fewest || len(recorded.namespaces) != kinds {
		t.Fatalf("the node has %d processes and the namespaces %v", len(recorded.processes), recorded.namespaces)
	}
	return recorded
}

// namespaces are the namespaces of a process.
func namespaces(pid int) (found []string) {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", pid))
	if err != nil {
		return nil
	}
	for _, link := range links {
		if strings.HasSuffix(link, "_for_children") {
			continue
		}
		if namespace, err := os.Readlink(link); err == nil {
			found = append(found, namespace)
		}
	}
	return found
}

// left names what is still there.
func (l traces) left(t *testing.T) (found []string) {
	t.Helper()
	for pid, start := range l.processes {
		if _, now, runs := stat(pid); runs && now == start {
			found = append(found, fmt.Sprint("process ", pid))
		}
	}
	for _, pid := range running(t) {
		for _, namespace := range namespaces(pid) {
			if l.namespaces[namespace] {
				found = append(found, namespace)
			}
		}
	}
	return append(found, l.leftFiles(t)...)
}

// leftFiles names the mounts, cgroups and files that are still there.
func (l traces) leftFiles(t *testing.T) (found []string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "/run/secretsync") || strings.Contains(line, l.cgroup) {
			found = append(found, "mount "+line)
		}
	}
	if err := filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == l.cgroup {
			found = append(found, path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(l.temporary)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		found = append(found, filepath.Join(l.temporary, entry.Name()))
	}
	return found
}

// awaitGone waits until nothing is left.
func (l traces) awaitGone(t *testing.T) {
	t.Helper()
	var found []string
	for end := time.Now().Add(endsWithin); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if found = l.left(t); found == nil {
			return
		}
	}
	t.Errorf("left are %s", strings.Join(found, ", "))
}
