package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// plugins is the directory of the CNI plugins in Debian's package.
const plugins = "/usr/lib/cni"

// authorities is the file of the public authorities' certificates.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

// need is a program or file, and the Debian package that has it.
type need struct{ path, apt string }

func needs() []need {
	return []need{
		{"containerd", "containerd"},
		{"ctr", "containerd"},
		{"containerd-shim-runc-v2", "containerd"},
		{"runc", "runc"},
		{filepath.Join(plugins, "ptp"), "containernetworking-plugins"},
		{filepath.Join(plugins, "host-local"), "containernetworking-plugins"},
		{filepath.Join(plugins, "loopback"), "containernetworking-plugins"},
		{"ip", "iproute2"},
		{"mount", "mount"},
		{"umount", "mount"},
		{authorities, "ca-certificates"},
	}
}

// Missing is an error that names all that this machine lacks for a node, and the command that installs it.
func Missing() error { return missing(os.Geteuid(), find) }

// find says whether a program is in PATH, or a file is there.
func find(path string) bool {
	if filepath.IsAbs(path) {
		_, err := os.Stat(path)
		return err == nil
	}
	_, err := exec.LookPath(path)
	return err == nil
}

func missing(user int, found func(path string) bool) error {
	var absent, packages []string
	for _, wanted := range needs() {
		if found(wanted.path) {
			continue
		}
		absent = append(absent, wanted.path)
		if len(packages) == 0 || packages[len(packages)-1] != wanted.apt {
			packages = append(packages, wanted.apt)
		}
	}
	var problems []string
	if user != 0 {
		problems = append(problems, "a node needs root, for namespaces and mounts of its own")
	}
	if len(absent) > 0 {
		problems = append(problems, fmt.Sprintf("a node needs %s; on Debian: apt-get install --no-install-recommends %s",
			strings.Join(absent, ", "), strings.Join(packages, " ")))
	}
	if problems == nil {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(problems, "\n"))
}
