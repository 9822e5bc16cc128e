package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// pluginPlatforms are what the plugins of kubectl are built for.
func pluginPlatforms() []string {
	return []string{
		"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64",
	}
}

// krewPlatform is an archive in the manifest of a plugin, as krew reads it.
type krewPlatform struct {
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	URI    string `json:"uri"`
	SHA256 string `json:"sha256"`
	Bin    string `json:"bin"`
}

// makePlugins builds each cmd/kubectl-* for all platforms, with a manifest for krew.
func (r *release) makePlugins(ctx context.Context) error {
	sources, err := filepath.Glob("cmd/kubectl-*")
	if err != nil {
		return err
	}
	for _, source := range sources {
		if err := r.makePlugin(ctx, source, pluginPlatforms()); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) makePlugin(ctx context.Context, source string, platforms []string) error {
	name := filepath.Base(source)
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	var listed []krewPlatform
	for _, platform := range platforms {
		system, architecture, _ := strings.Cut(platform, "/")
		program := name
		if system == "windows" {
			program += ".exe"
		}
		binary, err := r.compile(ctx, source, system, architecture)
		if err != nil {
			return err
		}
		content, extension, err := pack(system, []packed{{"LICENSE", license, 0o644}, {program, binary, 0o755}})
		if err != nil {
			return err
		}
		archive := fmt.Sprintf("%s_%s_%s%s", name, system, architecture, extension)
		if err := os.WriteFile(filepath.Join(folder, archive), content, 0o644); err != nil {
			return err
		}
		listed = append(listed, krewEntry(r.version, archive, system, architecture, program, content))
	}
	manifest, err := krewManifest(strings.TrimPrefix(name, "kubectl-"), r.version, listed)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name+".krew.yaml"), manifest, 0o644)
}

func (r *release) compile(ctx context.Context, source, system, architecture string) ([]byte, error) {
	binary := filepath.Join(folder, "plugin")
	defer func() { _ = os.Remove(binary) }()
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X main.version="+r.version, "-o", binary, "./"+source)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+architecture)
	if printed, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building %s for %s/%s: %w: %s", source, system, architecture, err, printed)
	}
	return os.ReadFile(binary)
}

func krewEntry(version, archive, system, architecture, program string, content []byte) krewPlatform {
	sum := sha256.Sum256(content)
	entry := krewPlatform{
		URI:    repository + "/releases/download/" + version + "/" + archive,
		SHA256: hex.EncodeToString(sum[:]),
		Bin:    program,
	}
	entry.Selector.MatchLabels = map[string]string{"os": system, "arch": architecture}
	return entry
}

// krewManifest describes a plugin for krew's index.
func krewManifest(name, version string, platforms []krewPlatform) ([]byte, error) {
	return yaml.Marshal(map[string]any{
		"apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
		"kind":       "Plugin",
		"metadata":   map[string]any{"name": name},
		"spec": map[string]any{
			"version":          version,
			"homepage":         repository,
			"shortDescription": "Show and refresh Secrets from AWS",
			"description":      "Shows which SecretSyncs of the SecretSync operator need attention and why, and refreshes, suspends and resumes them.\n",
			"platforms":        platforms,
		},
	})
}

// packed is a file in an archive.
type packed struct {
	name    string
	content []byte
	mode    os.FileMode
}

// pack makes the archive that is usual on a system: a zip on Windows, else a compressed tar. Times are left out, so that
// the same files give the same bytes.
func pack(system string, files []packed) (content []byte, extension string, err error) {
	var archive bytes.Buffer
	if system == "windows" {
		writer := zip.NewWriter(&archive)
		for _, file := range files {
			header := &zip.FileHeader{Name: file.name, Method: zip.Deflate}
			header.SetMode(file.mode)
			entry, err := writer.CreateHeader(header)
			if err != nil {
				return nil, "", err
			}
			if _, err := entry.Write(file.content); err != nil {
				return nil, "", err
			}
		}
		err := writer.Close()
		return archive.Bytes(), ".zip", err
	}
	compressed := gzip.NewWriter(&archive)
	writer := tar.NewWriter(compressed)
	for _, file := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.name, Size: int64(len(file.content)), Mode: int64(file.mode), Format: tar.FormatUSTAR}
		if err := writer.WriteHeader(header); err != nil {
			return nil, "", err
		}
		if _, err := writer.Write(file.content); err != nil {
			return nil, "", err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, "", err
	}
	err = compressed.Close()
	return archive.Bytes(), ".tar.gz", err
}
