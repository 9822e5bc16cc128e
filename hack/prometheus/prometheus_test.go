package prometheus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAMissingProgramIsNamed, with the package that has it.
func TestAMissingProgramIsNamed(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	for _, program := range []string{Promtool, Server} {
		_, err := Find(program)
		if err == nil || !strings.HasPrefix(err.Error(), program+" is not installed") || !strings.Contains(err.Error(), "apt-get install --no-install-recommends prometheus") {
			t.Errorf("%s: %v", program, err)
		}
	}
	if err := Install(t.Context()); err == nil || !strings.Contains(err.Error(), Promtool+" is not") || !strings.Contains(err.Error(), Server+" is not") {
		t.Errorf("without apt-get: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, Promtool), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if path, err := Find(Promtool); err != nil || path != filepath.Join(folder, Promtool) {
		t.Errorf("found %s, %v", path, err)
	}
}
