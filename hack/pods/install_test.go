package pods

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// TestThePodIsAsTheChartSays: the chart with its own image runs under the restricted Pod Security Standard, which the
// namespace enforces. The kernel says the rest: user, capabilities, root file system, memory limit and seccomp.
func TestThePodIsAsTheChartSays(t *testing.T) {
	s := newSetup(t)
	pod := s.operator()
	if got := pod.Spec.Containers[0].Image; got != s.Images.Manager {
		t.Errorf("the image is %s, not the chart's own", got)
	}
	pid := s.process(pod)
	status := readProc(t, pid, "status")
	for field, want := range map[string]string{"Uid": "65532", "Gid": "65532", "CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"} {
		if got := procField(status, field); got != want {
			t.Errorf("%s of the process is %q, not %q", field, got, want)
		}
	}
	root := slices.IndexFunc(strings.Split(readProc(t, pid, "mountinfo"), "\n"), func(line string) bool {
		fields := strings.Fields(line)
		return len(fields) > 5 && fields[4] == "/" && slices.Contains(strings.Split(fields[5], ","), "ro")
	})
	if root < 0 {
		t.Error("the root file system can be written to")
	}
	if limit := memoryFile(t, pid, "memory.limit_in_bytes", "memory.max"); limit != "268435456" {
		t.Errorf("the memory limit of the container is %s", limit)
	}
}

// TestIRSAOnANode: the pod's token is from the kubelet, with the audience and the environment variables as on EKS. AWS
// checks it by the cluster's keys.
func TestIRSAOnANode(t *testing.T) {
	s := newSetup(t)
	began, value := time.Now(), newValue()
	s.sync("db", s.createSecret("db", value))
	s.awaitSynced(value)
	read := s.calls("GetSecretValue", began)
	if len(read) == 0 || !strings.Contains(read[0].Principal, ":assumed-role/"+roleName+"/secretsync-tests") {
		t.Errorf("the value was read by %+v", read)
	}
	assumed := slices.IndexFunc(s.aws.Calls(), func(call localaws.Call) bool {
		return call.Operation == "AssumeRoleWithWebIdentity" && call.Principal == "system:serviceaccount:"+testenv.OperatorNamespace+":"+testenv.OperatorAccount
	})
	if assumed < 0 {
		t.Error("the role was not assumed with a token of the cluster")
	}
}

// readProc reads a file of a process in /proc.
func readProc(t *testing.T, pid int, name string) string {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// procField is the first value of a field of /proc/pid/status.
func procField(status, name string) string {
	for line := range strings.Lines(status) {
		if rest, found := strings.CutPrefix(line, name+":"); found {
			return strings.Fields(rest + " ")[0]
		}
	}
	return ""
}

// memoryFile reads a file of the memory cgroup of a process, by its name in cgroups v1 or v2.
func memoryFile(t *testing.T, pid int, first, second string) string {
	t.Helper()
	for line := range strings.Lines(readProc(t, pid, "cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		file := filepath.Join("/sys/fs/cgroup/memory", parts[2], first)
		switch {
		case parts[1] == "memory":
		case parts[0] == "0":
			file = filepath.Join("/sys/fs/cgroup", parts[2], second)
		default:
			continue
		}
		if content, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(content))
		}
	}
	t.Fatalf("process %d has no memory cgroup", pid)
	return ""
}
