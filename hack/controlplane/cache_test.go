package controlplane

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// compiler puts a fake go command first in PATH. It reports a version, "builds" by running a script, and appends each
// build to a file. It returns that file and the cache's directory, both empty.
func compiler(t *testing.T, build string) (builds, cache string) {
	t.Helper()
	folder := t.TempDir()
	builds, cache = filepath.Join(folder, "builds"), t.TempDir()
	script := `#!/bin/sh
case "$1" in list) echo v1.37.2; exit ;; esac
while [ "$1" != -o ]; do shift; done
echo "$3" >>'` + builds + `'
` + build + "\n"
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
	builds, cache := compiler(t, `sleep 0.05; echo made >"$2"`)
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
	builds, cache := compiler(t, `case "$2" in */kubectl) echo no space left >&2; exit 1 ;; esac; echo made >"$2"`)
	for try := range 2 {
		_, err := Binaries(t.Context(), Newest, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "building kubectl") || !strings.Contains(err.Error(), "no space left") {
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

func TestAssetsThatLackAProgramAreLeftAside(t *testing.T) {
	_, cache := compiler(t, `echo made >"$2"`)
	t.Setenv("KUBEBUILDER_ASSETS", assets(t, "kube-controller-manager"))
	var said strings.Builder
	got, err := Binaries(t.Context(), Newest, &said)
	if err != nil || filepath.Dir(got) != cache || !strings.Contains(said.String(), "is left aside: it lacks") {
		t.Errorf("got %s, %v, said %s", got, err, said.String())
	}
}

func TestProgramsOfANodeAreBuiltBesideTheControlPlane(t *testing.T) {
	builds, cache := compiler(t, `echo made >"$2"`)
	got, err := NodeBinaries(t.Context(), Newest, io.Discard)
	if err != nil || got != filepath.Join(cache, "kubernetes-node-v1.37.2") || !complete(got, nodePrograms()) {
		t.Errorf("got %s, %v", got, err)
	}
	made, err := os.ReadFile(builds)
	if want := "k8s.io/kubernetes/cmd/kube-scheduler\nk8s.io/kubernetes/cmd/kubelet\n"; err != nil || string(made) != want {
		t.Errorf("built were\n%s%v", made, err)
	}
	if _, err := NodeBinaries(t.Context(), "1.35", io.Discard); err == nil || !strings.Contains(err.Error(), "no module pins a kubelet of Kubernetes 1.35") {
		t.Errorf("a version without a kubelet: %v", err)
	}
}
