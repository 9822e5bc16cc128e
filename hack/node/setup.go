package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Addresses of a node. They exist only in its network namespace.
const (
	// ServiceAddress is the address of the Service kubernetes, at which the API server listens.
	ServiceAddress = "10.0.0.1"
	// Address is the node's own. Test servers that pods call listen on it.
	Address = "10.0.0.2"
	// PodIdentityAddress is the address of the EKS Pod Identity agent, as on the nodes of EKS.
	PodIdentityAddress = "169.254.170.23"

	services = "10.0.0.0/24"
	pods     = "10.0.1.0/24"
)

// tunables are the kernel's settings that the kubelet sets. They are the whole machine's, so in the mount namespace
// they are plain files with these values, and the machine stays as it is.
func tunables() map[string]string {
	return map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0",
		"kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	}
}

// setUp sets the mount and the network namespace up.
func setUp() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("separating the mounts: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	return errors.Join(mountDirectories(), maskTunables(), addAddresses())
}

// mountDirectories makes everything that is written below /run and /var end with the namespace. /var keeps what it has,
// because a checkout or a cache may be there.
func mountDirectories() error {
	if err := mountTmpfs("/run"); err != nil {
		return err
	}
	upper, scratch := "/run/secretsync/var", "/run/secretsync/var.work"
	for _, directory := range []string{upper, scratch, temporary} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return err
		}
	}
	if err := syscall.Mount("overlay", "/var", "overlay", 0, "lowerdir=/var,upperdir="+upper+",workdir="+scratch); err != nil {
		return fmt.Errorf("mounting an overlay on /var: %w", err)
	}
	// An overlay can't be the upper directory of containerd's.
	for _, directory := range []string{containerdRoot, kubeletRoot} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return err
		}
		if err := mountTmpfs(directory); err != nil {
			return err
		}
	}
	return nil
}

func mountTmpfs(directory string) error {
	if err := syscall.Mount("tmpfs", directory, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mounting a tmpfs on %s: %w", directory, err)
	}
	return nil
}

func maskTunables() error {
	for name, value := range tunables() {
		file := filepath.Join("/run/secretsync/tunables", strings.ReplaceAll(name, "/", "."))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(value+"\n"), 0o644)); err != nil {
			return err
		}
		if err := syscall.Mount(file, filepath.Join("/proc/sys", name), "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("masking /proc/sys/%s: %w", name, err)
		}
	}
	return nil
}

func addAddresses() error {
	commands := [][]string{{"link", "set", "lo", "up"}}
	for _, address := range []string{ServiceAddress, Address, PodIdentityAddress} {
		commands = append(commands, []string{"address", "add", address + "/32", "dev", "lo"})
	}
	for _, arguments := range commands {
		if output, err := exec.Command("ip", arguments...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(arguments, " "), err, output)
		}
	}
	return nil
}
