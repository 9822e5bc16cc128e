package controlplane

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// compiler puts a fake go command first in PATH. It reports a version and three packages to compile, "builds" each program
// by running a script with the program's file as $1, and appends the package of each to a file. It returns that file and
// the cache's directory, both empty.
func compiler(t *testing.T, build string) (builds, cache string) {
	t.Helper()
	folder := t.TempDir()
	builds, cache = filepath.Join(folder, "builds"), t.TempDir()
	script := `#!/bin/sh
case "$1 $2" in
"list -m") echo v1.37.2; exit ;;
"list -deps") printf 'fmt\nk8s.io/api\nk8s.io/kubernetes\n'; exit ;;
esac
while [ "$1" != -o ]; do shift; done
into=$2
shift 5
printf 'fmt\nk8s.io/api\nk8s.io/kubernetes\n' >&2
for package; do
	echo "$package" >>'` + builds + `'
	program=${package%/v3}
	set -- "$into${program##*/}"
	` + build + `
done
`
	if err := os.WriteFile(filepath.Join(folder, "go"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	t.Setenv("KUBEBUILDER_ASSETS", "")
	t.Setenv("SECRETSYNC_CACHE", cache)
	t.Setenv("SECRETSYNC_DOWNLOADS", "none")
	return builds, cache
}

func TestRunsThatStartAtOnceBuildEachProgramOnce(t *testing.T) {
	builds, cache := compiler(t, `sleep 0.05; echo made >"$1"`)
	// A run that was killed in the middle has left this.
	if err := os.MkdirAll(filepath.Join(cache, "kubernetes-v1.37.2.half", "etcd"), 0o750); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			got, err := Binaries(t.Context(), Newest, io.Discard)
			if err != nil || got != filepath.Join(cache, "kubernetes-v1.37.2") || !complete(got, programs()) {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
	group.Wait()
	made, err := os.ReadFile(builds)
	if err != nil {
		t.Fatal(err)
	}
	var wanted strings.Builder
	for _, p := range programs() {
		wanted.WriteString(p.pkg + "\n")
	}
	if string(made) != wanted.String() {
		t.Errorf("built were\n%s", made)
	}
}

func TestAFailedBuildSaysWhyAndIsTriedAgain(t *testing.T) {
	builds, cache := compiler(t, `case "$1" in */kubectl) echo no space left >&2; exit 1 ;; esac; echo made >"$1"`)
	for try := range 2 {
		_, err := Binaries(t.Context(), Newest, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "building etcd, kube-apiserver, kube-controller-manager, kubectl") || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("try %d: %v", try+1, err)
		}
	}
	if made, err := os.ReadFile(builds); err != nil || strings.Count(string(made), "\n") != 2*len(programs()) {
		t.Errorf("built were\n%s%v", made, err)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) != 1 || filepath.Ext(left[0].Name()) != ".lock" {
		t.Errorf("left behind besides the lock: %v, %v", left, err)
	}
}

// TestProgress: a person who waits learns what is made, why it is built, how much there is and when it is linked.
func TestProgress(t *testing.T) {
	compiler(t, `echo made >"$1"`)
	var said strings.Builder
	if _, err := Binaries(t.Context(), Newest, &said); err != nil {
		t.Fatal(err)
	}
	want := "making the control plane of Kubernetes v1.37.2, once: etcd, kube-apiserver, kube-controller-manager, kubectl\n" +
		"  building etcd, kube-apiserver, kube-controller-manager, kubectl: downloads are turned off\n" +
		"  3 packages to compile, about 1m0s on two idle cores\n" +
		"  all packages are compiled, the programs are being linked\n" +
		"  built in 0s\n"
	if said.String() != want {
		t.Errorf("said:\n%swant:\n%s", said.String(), want)
	}
	var later strings.Builder
	text := follow(strings.NewReader("fmt\n# k8s.io/api\napi.go:1:2: no such thing\nos\n"), 8, time.Now().Add(-time.Minute), &later)
	if want := "  1 of 8 packages, about 7m0s left\n"; later.String() != want || text != "# k8s.io/api\napi.go:1:2: no such thing\n" {
		t.Errorf("said %q, want %q; errors %q", later.String(), want, text)
	}
}

// TestOutsideACheckout: what was made before is used, the newest patch version of it, and otherwise the error says what
// to do.
func TestOutsideACheckout(t *testing.T) {
	_, cache := compiler(t, "exit 1")
	t.Chdir(t.TempDir())
	if got, err := Binaries(t.Context(), Newest, io.Discard); err == nil || !strings.Contains(err.Error(), "run this in a checkout of SecretSync to make the control plane, or set KUBEBUILDER_ASSETS") {
		t.Errorf("nothing was made: %s, %v", got, err)
	}
	for _, version := range []string{"v1.37.2", "v1.37.10", "v1.36.9"} {
		if err := os.Rename(assets(t, ""), filepath.Join(cache, "kubernetes-"+version)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(cache, "kubernetes-v1.37.11"), 0o750); err != nil { // Without programs.
		t.Fatal(err)
	}
	if got, err := Binaries(t.Context(), Newest, io.Discard); err != nil || got != filepath.Join(cache, "kubernetes-v1.37.10") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAssetsThatLackAProgramAreLeftAside(t *testing.T) {
	_, cache := compiler(t, `echo made >"$1"`)
	t.Setenv("KUBEBUILDER_ASSETS", assets(t, "kube-controller-manager"))
	var said strings.Builder
	got, err := Binaries(t.Context(), Newest, &said)
	if err != nil || filepath.Dir(got) != cache || !strings.Contains(said.String(), "is left aside: it lacks") {
		t.Errorf("got %s, %v, said %s", got, err, said.String())
	}
}

func TestProgramsOfANodeAreBuiltBesideTheControlPlane(t *testing.T) {
	builds, cache := compiler(t, `echo made >"$1"`)
	got, err := NodeBinaries(t.Context(), Newest, io.Discard)
	if err != nil || got != filepath.Join(cache, "kubernetes-node-v1.37.2") || !complete(got, nodePrograms()) {
		t.Errorf("got %s, %v", got, err)
	}
	made, err := os.ReadFile(builds)
	if want := "k8s.io/kubernetes/cmd/kube-scheduler\nk8s.io/kubernetes/cmd/kubelet\n"; err != nil || string(made) != want {
		t.Errorf("built were\n%s%v", made, err)
	}
	if _, err := NodeBinaries(t.Context(), Oldest, io.Discard); err == nil || !strings.Contains(err.Error(), "no module pins a kubelet of Kubernetes "+Oldest) {
		t.Errorf("a version without a kubelet: %v", err)
	}
}
