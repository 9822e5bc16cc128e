package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// makeRoot makes a root file system of copies of files, with a folder for temporary files. The umask changes nothing
// of it.
func makeRoot(root string, files map[string]string) error {
	for at, from := range files {
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		to := filepath.Join(root, at)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(at, "/bin/") {
			mode = 0o755
		}
		if err := os.WriteFile(to, content, mode); err != nil {
			return err
		}
		if err := os.Chmod(to, mode); err != nil {
			return err
		}
	}
	temporary := filepath.Join(root, "tmp")
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return err
	}
	return os.Chmod(temporary, 0o777|os.ModeSticky)
}

// containerfile writes, beside a root file system, the file that makes an image of it, and gives its path.
func containerfile(root string, environment map[string]string) string {
	lines := []string{"FROM scratch", "COPY . /"}
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		if environment[name] != "" {
			lines = append(lines, fmt.Sprintf("ENV %s=%q", name, environment[name]))
		}
	}
	file := root + ".containerfile"
	// If this fails, the build says that the file is missing.
	_ = os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
	return file
}
