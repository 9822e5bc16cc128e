package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Newest and Oldest are the minor versions of Kubernetes that the operator is tested with. Oldest is the oldest that
// Amazon EKS still runs in extended support (Amazon EKS Kubernetes release calendar).
const (
	Newest = "1.37"
	Oldest = "1.32"
)

// builtProgram is a program of the control plane and the package that it is built from.
type builtProgram struct{ name, pkg string }

func programs() []builtProgram {
	return []builtProgram{
		{"etcd", "go.etcd.io/etcd/server/v3"},
		{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
		{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"},
		{"kubectl", "k8s.io/kubernetes/cmd/kubectl"},
	}
}

// nodePrograms are what a node needs besides the programs of its distribution.
func nodePrograms() []builtProgram {
	return []builtProgram{
		{"kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"},
		{"kubelet", "k8s.io/kubernetes/cmd/kubelet"},
	}
}

// Binaries returns the directory of the programs for a minor version, and downloads or builds them if they are missing.
// Environment variables: KUBEBUILDER_ASSETS names a directory to use instead; SECRETSYNC_CACHE the cache (default: the
// user's cache directory); SECRETSYNC_DOWNLOADS the URL to download from (default: Kubernetes' releases; "none" builds
// everything). Concurrent runs wait for each other.
func Binaries(ctx context.Context, minor string, progress io.Writer) (string, error) {
	if given := os.Getenv("KUBEBUILDER_ASSETS"); given != "" {
		if complete(given, programs()) {
			return given, nil
		}
		fmt.Fprintf(progress, "KUBEBUILDER_ASSETS=%s is left aside: it lacks some of etcd, kube-apiserver, kube-controller-manager and kubectl\n", given)
	}
	return cached(ctx, minor, set{name: "control plane", directory: "kubernetes-", programs: programs()}, progress)
}

// NodeBinaries returns the directory of kubelet and kube-scheduler for a minor version, and downloads or builds them if
// they are missing. The environment variables are those of Binaries, without KUBEBUILDER_ASSETS. Only Newest is known.
func NodeBinaries(ctx context.Context, minor string, progress io.Writer) (string, error) {
	if minor != Newest {
		return "", fmt.Errorf("no module pins a kubelet of Kubernetes %s: known is %s", minor, Newest)
	}
	return cached(ctx, minor, set{name: "node", directory: "kubernetes-node-", programs: nodePrograms()}, progress)
}

// set is a set of programs that are made together, in a directory of their own.
type set struct {
	// name says what the programs are for.
	name string
	// directory begins the name of their directory; the version follows.
	directory string
	programs  []builtProgram
}

// cached returns the directory of a set of programs in the cache, and makes the programs if they are missing.
func cached(ctx context.Context, minor string, wanted set, progress io.Writer) (string, error) {
	cache, err := cacheDirectory()
	if err != nil {
		return "", err
	}
	module, err := moduleOf(minor)
	if err != nil {
		return madeBefore(cache, minor, wanted, err)
	}
	version, err := pinned(ctx, module)
	if err != nil {
		return "", err
	}
	directory := filepath.Join(cache, wanted.directory+version)
	if complete(directory, wanted.programs) {
		return directory, nil
	}
	unlock, err := lock(ctx, directory+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if complete(directory, wanted.programs) { // Another run has finished them meanwhile.
		return directory, nil
	}
	return directory, build(ctx, module, version, directory, wanted, progress)
}

// madeBefore is the newest directory of the cache with the programs of a minor version. Outside a checkout no module says
// which one is wanted, and nothing can be made.
func madeBefore(cache, minor string, wanted set, noModule error) (string, error) {
	found, err := filepath.Glob(filepath.Join(cache, wanted.directory+"v"+minor+".*"))
	if err != nil {
		return "", err
	}
	found = slices.DeleteFunc(found, func(directory string) bool { return !complete(directory, wanted.programs) })
	if len(found) == 0 {
		return "", fmt.Errorf("%w; run this in a checkout of SecretSync to make the %s, or set KUBEBUILDER_ASSETS", noModule, wanted.name)
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }), nil
}

func complete(directory string, wanted []builtProgram) bool {
	for _, p := range wanted {
		if _, err := os.Stat(filepath.Join(directory, p.name)); err != nil {
			return false
		}
	}
	return true
}

func cacheDirectory() (string, error) {
	root := os.Getenv("SECRETSYNC_CACHE")
	if root == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding a cache directory: %w", err)
		}
		root = filepath.Join(user, "secretsync")
	}
	return root, os.MkdirAll(root, 0o750)
}

// moduleOf finds the module that pins a minor version, upwards from the working directory.
func moduleOf(minor string) (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		module := filepath.Join(directory, "hack", "controlplane", "kubernetes-"+minor)
		if _, err := os.Stat(filepath.Join(module, "go.mod")); err == nil {
			return module, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", fmt.Errorf("no module in the working directory or above it pins Kubernetes %s: known are %s and %s", minor, Newest, Oldest)
		}
		directory = parent
	}
}

// pinned is the version of Kubernetes that a module requires, for example v1.37.2.
func pinned(ctx context.Context, module string) (string, error) {
	list := goCommand(ctx, module, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	output, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("asking for the version in %s: %w", module, explained(err))
	}
	return strings.TrimSpace(string(output)), nil
}

// goCommand runs Go in a module. It ignores the workspace and flags of the caller's environment.
func goCommand(ctx context.Context, module string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = module
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	return command
}

// linkFlags set the version: kubectl cannot parse that of an unversioned server.
func linkFlags(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/client-go/pkg/version", "k8s.io/component-base/version"} {
		for name, value := range map[string]string{"gitVersion": version, "gitMajor": parts[0], "gitMinor": parts[1], "gitTreeState": "clean"} {
			flags = append(flags, "-X", pkg+"."+name+"="+value)
		}
	}
	return strings.Join(flags, " ")
}

// explained adds the output of a command to its error.
func explained(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

// lock waits for a file lock, which the kernel releases when the process ends.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}
