package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestArchiveHasItsName(t *testing.T) {
	folder := t.TempDir()
	program, archive := filepath.Join(folder, "program"), filepath.Join(folder, "image.tar")
	if err := os.WriteFile(program, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	image := Image{Files: map[string]string{"/program": program}, Entrypoint: []string{"/program"}, User: unprivileged}
	first, err := image.Layout()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := image.Layout(); err != nil || second.Manifest != first.Manifest || len(first.Blobs) != 3 {
		t.Errorf("an image has the digests %s and %s, and %d blobs: %v", first.Manifest, second.Manifest, len(first.Blobs), err)
	}
	if err := first.Archive(archive, "example.com/program:1"); err != nil {
		t.Fatal(err)
	}
	if name, err := archiveName(archive); err != nil || name != "example.com/program:1" {
		t.Errorf("the archive's image is %q: %v", name, err)
	}
	if err := first.Archive(archive, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := archiveName(archive); err == nil || !strings.Contains(err.Error(), "must hold one image, named by the annotation") {
		t.Errorf("an image without a name: %v", err)
	}
	if _, err := archiveName(program); err == nil || !strings.Contains(err.Error(), "must be an OCI archive") {
		t.Errorf("no archive: %v", err)
	}
}
