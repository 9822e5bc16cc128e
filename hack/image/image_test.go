package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestArchiveOfTwoPlatforms(t *testing.T) {
	image := imageSpec{repository: "registry.example.com/secretsync", version: "v1.2.3", platforms: []string{"linux/amd64", "linux/arm64"}}
	layouts := []string{layout(t, "arm64", false), layout(t, "amd64", false)}
	file := filepath.Join(t.TempDir(), "image.tar")
	digest, err := writeArchive(file, image, layouts)
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, file)
	var top imageIndex
	parseJSON(t, files["index.json"], &top)
	if len(top.Manifests) != 1 || top.Manifests[0].Digest != digest || top.Manifests[0].MediaType != indexType {
		t.Fatalf("index.json lists %+v, not the index %s alone", top.Manifests, digest)
	}
	if got := top.Manifests[0].Annotations; got["io.containerd.image.name"] != "registry.example.com/secretsync:v1.2.3" || got["org.opencontainers.image.ref.name"] != "v1.2.3" {
		t.Errorf("the index is annotated with %v: containerd would not know its name", got)
	}
	var images imageIndex
	parseJSON(t, files["blobs/"+strings.Replace(digest, ":", "/", 1)], &images)
	if got := platformsOf(images); !slices.Equal(got, image.platforms) {
		t.Errorf("the index lists %v, want %v", got, image.platforms)
	}
	if got := images.Annotations["org.opencontainers.image.licenses"]; got != "Apache-2.0" {
		t.Errorf("the index has the annotations %v, not the labels of the images", images.Annotations)
	}
	for _, listed := range images.Manifests {
		var parts imageManifest
		parseJSON(t, files["blobs/"+strings.Replace(listed.Digest, ":", "/", 1)], &parts)
		for _, part := range append(parts.Layers, parts.Config) {
			if _, there := files["blobs/"+strings.Replace(part.Digest, ":", "/", 1)]; !there {
				t.Errorf("the archive lacks blob %s of %s", part.Digest, listed.Platform.Architecture)
			}
		}
	}
}

// The order of the layouts, their folders and the form in which a builder lists its images change nothing.
func TestArchiveIsReproducible(t *testing.T) {
	image := imageSpec{repository: "secretsync", version: "v1", platforms: []string{"linux/amd64", "linux/arm64"}}
	var contents []string
	for _, layouts := range [][]string{
		{layout(t, "amd64", false), layout(t, "arm64", false)},
		{layout(t, "arm64", true), layout(t, "amd64", true)},
	} {
		file := filepath.Join(t.TempDir(), "image.tar")
		if _, err := writeArchive(file, image, layouts); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(content))
	}
	if contents[0] != contents[1] {
		t.Error("two archives of the same images differ")
	}
}

func TestArchiveRefusals(t *testing.T) {
	image := imageSpec{repository: "secretsync", version: "v1", platforms: []string{"linux/amd64", "linux/arm64"}}
	changed := layout(t, "amd64", false)
	var top imageIndex
	content, err := os.ReadFile(filepath.Join(changed, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	parseJSON(t, string(content), &top)
	if err := os.WriteFile(blob(changed, top.Manifests[0].Digest), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		layouts []string
		want    string
	}{
		"a platform is missing": {[]string{layout(t, "amd64", false)}, `images for ["linux/amd64"], not for`},
		"a blob is changed":     {[]string{changed, layout(t, "arm64", false)}, "has the digest"},
		"no layout":             {[]string{t.TempDir()}, "index.json"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := writeArchive(filepath.Join(t.TempDir(), "image.tar"), image, test.layouts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestFlagsThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		arguments []string
		want      string
	}{
		"a version that is no tag": {[]string{"-version", "v1+dirty"}, `-version "v1+dirty" is no tag of an image`},
		"another platform":         {[]string{"-version", "v1", "-platforms", "linux/riscv64"}, `-platforms has "linux/riscv64": use linux/amd64`},
		"another builder":          {[]string{"-version", "v1", "-builder", "kaniko"}, `-builder "kaniko" is unknown: use docker or buildah`},
		"an argument":              {[]string{"v1"}, `unknown argument "v1"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), test.arguments, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// Without Docker's engine and without buildah the error says what to install.
func TestNothingToBuildWith(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := choose(t.Context(), "")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Docker: docker is not installed", "buildah: ", "`apt-get install buildah busybox-static ca-certificates`"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

// Docker is told the commit's time, and base images that the environment chooses.
func TestDockerArguments(t *testing.T) {
	t.Setenv("BASE_IMAGE", "registry.example.com/base@sha256:1")
	t.Setenv("BUILDER_IMAGE", "")
	image := imageSpec{version: "v1", revision: "abc", epoch: "1700000000", platforms: []string{"linux/amd64", "linux/arm64"}}
	got := strings.Join(dockerArguments(image, "layout", true), " ")
	for _, want := range []string{"--platform linux/amd64,linux/arm64", "SOURCE_DATE_EPOCH=1700000000", "rewrite-timestamp=true", "VERSION=v1", "REVISION=abc",
		"--build-arg BASE_IMAGE=registry.example.com/base@sha256:1", "--no-cache"} {
		if !strings.Contains(got, want) {
			t.Errorf("docker is called without %q: %s", want, got)
		}
	}
	if strings.Contains(got, "BUILDER_IMAGE") {
		t.Errorf("docker is called with an empty BUILDER_IMAGE: %s", got)
	}
}

// Both base images are pinned by digest, and both are arguments.
func TestDockerfilePinsItsBases(t *testing.T) {
	content, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if unpinned := basesUnpinned(string(content)); len(unpinned) > 0 {
		t.Errorf("base images without a digest: %q", unpinned)
	}
	for _, label := range []string{"title", "description", "source", "licenses", "version", "revision"} {
		if !strings.Contains(string(content), "org.opencontainers.image."+label+"=") {
			t.Errorf("the image has no label org.opencontainers.image.%s", label)
		}
	}
	if got := basesUnpinned("ARG BASE_IMAGE=debian:13\nFROM debian:13\nFROM ${BASE_IMAGE}\n"); !slices.Equal(got, []string{"debian:13", "debian:13"}) {
		t.Errorf("a Dockerfile that pins nothing has %q", got)
	}
}

// basesUnpinned are the images of a Dockerfile that have no digest: defaults of arguments and those of FROM.
func basesUnpinned(dockerfile string) (unpinned []string) {
	for line := range strings.Lines(dockerfile) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		var base string
		switch name, value, _ := strings.Cut(words[1], "="); {
		case words[0] == "ARG" && strings.HasSuffix(name, "_IMAGE"):
			base = value
		case words[0] == "FROM" && strings.HasPrefix(words[1], "--platform"):
			base = words[2]
		case words[0] == "FROM":
			base = words[1]
		default:
			continue
		}
		if !strings.Contains(base, "@sha256:") && !strings.HasPrefix(base, "${") {
			unpinned = append(unpinned, base)
		}
	}
	return unpinned
}

// layout writes an OCI layout of one image, which is listed in an index of its own if nested.
func layout(t *testing.T, architecture string, nested bool) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	store := func(mediaType string, value any) descriptor {
		content, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		digest := digestOf(content)
		if err := os.WriteFile(blob(folder, digest), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(content))}
	}
	var configured imageConfig
	configured.imagePlatform = imagePlatform{Architecture: architecture, OS: "linux"}
	configured.Config.Labels = map[string]string{"org.opencontainers.image.licenses": "Apache-2.0"}
	listed := store(manifestType, imageManifest{
		Config: store("application/vnd.oci.image.config.v1+json", configured),
		Layers: []descriptor{store("application/vnd.oci.image.layer.v1.tar+gzip", "the layer of "+architecture)},
	})
	if nested {
		listed = store(indexType, imageIndex{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{listed}})
	}
	top, err := json.Marshal(imageIndex{SchemaVersion: 2, Manifests: []descriptor{listed}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "index.json"), top, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func unpack(t *testing.T, file string) map[string]string {
	t.Helper()
	archive, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	files := map[string]string{}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(content)
	}
}

func parseJSON(t *testing.T, content string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(content), into); err != nil {
		t.Fatalf("%v: %s", err, content)
	}
}
