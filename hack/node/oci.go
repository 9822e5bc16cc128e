package node

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
)

// Media types of the OCI image specification.
const (
	MediaTypeManifest = "application/vnd.oci.image.manifest.v1+json"

	mediaTypeIndex  = "application/vnd.oci.image.index.v1+json"
	mediaTypeConfig = "application/vnd.oci.image.config.v1+json"
	mediaTypeLayer  = "application/vnd.oci.image.layer.v1.tar"
)

// nameAnnotation is the annotation by which containerd names an image of an archive.
const nameAnnotation = "io.containerd.image.name"

const indexFile = "index.json"

// Image is an image with one layer, for this machine's architecture.
type Image struct {
	// Files are the files of the image by path, with the path of their content on this machine.
	Files map[string]string
	// Entrypoint is the command.
	Entrypoint []string
	// User is the numeric user and group, as "65532:65532".
	User string
}

// Layout is an image as content that is addressed by digest.
type Layout struct {
	// Blobs are manifest, configuration and layer, by digest.
	Blobs map[string][]byte
	// Manifest is the digest of the manifest.
	Manifest string
}

// descriptor points to content, as the OCI image specification defines it.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func (l *Layout) add(mediaType string, content []byte) descriptor {
	sum := sha256.Sum256(content)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	l.Blobs[digest] = content
	return descriptor{MediaType: mediaType, Digest: digest, Size: len(content)}
}

// Layout gives the image's content.
func (i Image) Layout() (*Layout, error) {
	layout := &Layout{Blobs: map[string][]byte{}}
	content, err := i.layer()
	if err != nil {
		return nil, err
	}
	layer := layout.add(mediaTypeLayer, content)
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": runtime.GOARCH,
		"config": map[string]any{"Entrypoint": i.Entrypoint, "User": i.User},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}}, // The layer is not compressed.
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": MediaTypeManifest,
		"config": layout.add(mediaTypeConfig, config), "layers": []descriptor{layer},
	})
	layout.Manifest = layout.add(MediaTypeManifest, manifest).Digest
	return layout, err
}

func (i Image) layer() ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	directories := map[string]bool{".": true, "/": true}
	for _, name := range sorted(i.Files) {
		content, err := os.ReadFile(i.Files[name])
		if err != nil {
			return nil, err
		}
		for at := path.Dir(name); !directories[at]; at = path.Dir(at) {
			directories[at] = true
			if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(at, "/") + "/", Mode: 0o755}); err != nil {
				return nil, err
			}
		}
		if err := addFile(writer, strings.TrimPrefix(name, "/"), 0o755, content); err != nil {
			return nil, err
		}
	}
	return buffer.Bytes(), writer.Close()
}

func addFile(writer *tar.Writer, name string, mode int64, content []byte) error {
	if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := writer.Write(content)
	return err
}

// Archive writes the image as an OCI archive, under a name with a tag.
func (l *Layout) Archive(file, name string) error {
	index, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": mediaTypeIndex,
		"manifests": []descriptor{{
			MediaType: MediaTypeManifest, Digest: l.Manifest, Size: len(l.Blobs[l.Manifest]),
			Annotations: map[string]string{nameAnnotation: name},
		}},
	})
	if err != nil {
		return err
	}
	contents := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), indexFile: index}
	for digest, content := range l.Blobs {
		contents["blobs/"+strings.ReplaceAll(digest, ":", "/")] = content
	}
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, at := range sorted(contents) {
		if err := addFile(writer, at, 0o644, contents[at]); err != nil {
			return err
		}
	}
	if err := errors.Join(writer.Close(), os.WriteFile(file, buffer.Bytes(), 0o600)); err != nil {
		return fmt.Errorf("writing image %s: %w", name, err)
	}
	return nil
}

// archiveName is the name of the image in an OCI archive.
func archiveName(file string) (string, error) {
	opened, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	reader := tar.NewReader(opened)
	for {
		header, err := reader.Next()
		if err != nil {
			return "", fmt.Errorf("reading %s, which must be an OCI archive with an index.json: %w", file, err)
		}
		if path.Clean(header.Name) != indexFile {
			continue
		}
		var index struct{ Manifests []descriptor }
		if err := json.NewDecoder(reader).Decode(&index); err != nil {
			return "", fmt.Errorf("reading %s of %s: %w", indexFile, file, err)
		}
		if len(index.Manifests) != 1 || index.Manifests[0].Annotations[nameAnnotation] == "" {
			return "", fmt.Errorf("%s must hold one image, named by the annotation %s", file, nameAnnotation)
		}
		return index.Manifests[0].Annotations[nameAnnotation], nil
	}
}

func sorted[V any](content map[string]V) []string {
	names := make([]string, 0, len(content))
	for name := range content {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
