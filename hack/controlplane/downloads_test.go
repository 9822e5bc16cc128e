package controlplane

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestDownloadsAreCheckedAndExecutable(t *testing.T) {
	const content = "#!/bin/sh"
	sum := sha256.Sum256([]byte(content))
	path := "/v1.37.2/bin/" + runtime.GOOS + "/" + runtime.GOARCH + "/"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case path + "kubectl", path + "kube-apiserver":
			_, _ = w.Write([]byte(content))
		case path + "kubectl.sha256":
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:]) + "\n"))
		case path + "kube-apiserver.sha256":
			_, _ = w.Write([]byte(strings.Repeat("0", 64)))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("SECRETSYNC_DOWNLOADS", server.URL)
	d := newDownloads("v1.37.2")
	for _, test := range []struct{ name, pkg, refusal string }{
		{"kubectl", "k8s.io/kubernetes/cmd/kubectl", ""},
		{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", "checksum"},
		{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", "404"},
		{"etcd", "go.etcd.io/etcd/server/v3", "archive"},
	} {
		into := filepath.Join(t.TempDir(), test.name)
		err := d.get(t.Context(), builtProgram{test.name, test.pkg}, into)
		if test.refusal != "" {
			if err == nil || !strings.Contains(err.Error(), test.refusal) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(into)
		if err != nil || info.Mode().Perm()&0o100 == 0 || info.Size() != int64(len(content)) {
			t.Errorf("%s is %v, %v", test.name, info, err)
		}
	}
}

func TestWhatCannotBeReachedIsTriedOnce(t *testing.T) {
	for _, base := range []string{"http://127.0.0.1:1", "none"} {
		t.Setenv("SECRETSYNC_DOWNLOADS", base)
		d := newDownloads("v1.37.2")
		began := time.Now()
		for range 3 {
			if err := d.get(t.Context(), builtProgram{"kubectl", "k8s.io/kubernetes/cmd/kubectl"}, filepath.Join(t.TempDir(), "kubectl")); err == nil {
				t.Fatal("something was downloaded")
			}
		}
		if d.givenUp == nil {
			t.Errorf("from %s it keeps trying, %s so far", base, time.Since(began))
		}
	}
}

func TestADownloadThatBreaksOffIsNotTriedAgain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("the beginning"))
	}))
	t.Cleanup(server.Close)
	t.Setenv("SECRETSYNC_DOWNLOADS", server.URL)
	d := newDownloads("v1.37.2")
	err := d.get(t.Context(), builtProgram{"kubectl", "k8s.io/kubernetes/cmd/kubectl"}, filepath.Join(t.TempDir(), "kubectl"))
	if err == nil || !strings.Contains(err.Error(), "broke off") || d.givenUp == nil {
		t.Errorf("got %v, gave up because of %v", err, d.givenUp)
	}
}
