package controlplane

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// assets makes a directory that seems to hold all programs, without the missing ones.
func assets(t *testing.T, missing ...string) string {
	t.Helper()
	directory := t.TempDir()
	for _, p := range programs() {
		if strings.Contains(strings.Join(missing, " "), p.name) {
			continue
		}
		if err := os.WriteFile(filepath.Join(directory, p.name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func TestProgramsThatAreThereAreTaken(t *testing.T) {
	given := assets(t)
	t.Setenv("KUBEBUILDER_ASSETS", given)
	if got, err := Binaries(t.Context(), Newest, io.Discard); err != nil || got != given {
		t.Errorf("took %s, %v", got, err)
	}
	if complete(assets(t, "kube-controller-manager"), programs()) {
		t.Error("envtest's own archive, which lacks a program, counts as complete")
	}
}

func TestAnUnknownMinorIsRefused(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", "")
	_, err := Binaries(t.Context(), "1.2", io.Discard)
	if err == nil || !strings.Contains(err.Error(), Newest) || !strings.Contains(err.Error(), Oldest) {
		t.Errorf("got %v", err)
	}
	for _, minor := range []string{Newest, Oldest} {
		module, err := moduleOf(minor)
		if err != nil {
			t.Fatal(err)
		}
		if version, err := pinned(t.Context(), module); err != nil || !strings.HasPrefix(version, "v"+minor+".") {
			t.Errorf("the module of %s pins %s, %v", minor, version, err)
		}
	}
}

func TestRunsThatStartAtOnceWaitForEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside, most atomic.Int32
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			unlock, err := lock(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			most.Store(max(most.Load(), inside.Add(1)))
			time.Sleep(20 * time.Millisecond)
			inside.Add(-1)
		})
	}
	group.Wait()
	if most.Load() != 1 {
		t.Errorf("%d runs held the lock at once", most.Load())
	}
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait that is given up ends with %v", err)
	}
}
