package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// folder is where the files of a release are written.
const folder = "dist"

// release is a release that is being made.
type release struct {
	version string
	// registry is the registry and the path in it that have the image and the charts.
	registry string
	// plain registries speak HTTP.
	plain bool
	// key is the file of the private key that signs, or empty for the identity of the workflow.
	key string
	// image and chart are references with the digests that were pushed.
	image, chart string
	// commit is what is released, and committed its time.
	commit, committed string
}

// step is a part of a release, with the name that is printed.
type step struct {
	name string
	run  func(*release, context.Context) error
}

// steps are in the order in which one needs what an earlier one has made.
func steps() []step {
	return []step{
		{"build the image", (*release).makeImage},
		{"package and push the chart", (*release).makeChart},
		{"write install.yaml", (*release).makeManifests},
		{"write the bundle for OLM", (*release).makeBundle},
		{"build the kubectl plugins", (*release).makePlugins},
		{"write the JSON schemas", (*release).makeSchemas},
		{"list the modules", (*release).makeSBOM},
		{"write provenance and checksums", (*release).makeStatements},
		{"sign", (*release).sign},
	}
}

func (r *release) makeAll(ctx context.Context) error {
	if err := agree(".", r.version); err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var err error
	if r.commit, err = output(ctx, "git", "rev-parse", "HEAD"); err != nil {
		return err
	}
	if r.committed, err = output(ctx, "git", "log", "-1", "--format=%cI"); err != nil {
		return err
	}
	for _, next := range steps() {
		begun := time.Now()
		if err := next.run(r, ctx); err != nil {
			return fmt.Errorf("%s: %w", next.name, err)
		}
		fmt.Printf("%s: %s\n", next.name, time.Since(begun).Round(time.Second))
	}
	return nil
}

// publish makes a release of the commit and pushes it.
func publish(ctx context.Context, version string) error {
	changes, err := output(ctx, "git", "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return err
	}
	if changes != "" {
		return errors.New("the checkout has changes: commit them, a release is made of a commit")
	}
	return (&release{version: version, registry: "ghcr.io/secretsync"}).makeAll(ctx)
}

// makeImage builds the image, keeps its archive, and pushes it.
func (r *release) makeImage(ctx context.Context) error {
	archive := filepath.Join(folder, "secretsync-image.oci.tar")
	if err := show(ctx, "go", "run", "./hack/image", "-version", r.version, "-out", archive); err != nil {
		return err
	}
	layout, err := os.MkdirTemp("", "secretsync-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(layout) }()
	if err := show(ctx, "tar", "-xf", archive, "-C", layout); err != nil {
		return err
	}
	r.image, err = output(ctx, "bin/crane", "push", layout, r.registry+"/secretsync:"+r.version)
	return err
}

var digested = regexp.MustCompile(`Digest: (sha256:[0-9a-f]{64})`)

func (r *release) makeChart(ctx context.Context) error {
	bare := strings.TrimPrefix(r.version, "v")
	if err := show(ctx, "bin/helm", "package", "config/chart", "--destination", folder); err != nil {
		return err
	}
	arguments := []string{"push", filepath.Join(folder, "secretsync-"+bare+".tgz"), "oci://" + r.registry + "/charts"}
	if r.plain {
		arguments = append(arguments, "--plain-http")
	}
	printed, err := combined(ctx, "bin/helm", arguments...)
	if err != nil {
		return err
	}
	match := digested.FindStringSubmatch(printed)
	if match == nil {
		return fmt.Errorf("helm push printed no digest: %s", printed)
	}
	r.chart = r.registry + "/charts/secretsync@" + match[1]
	return nil
}

// makeManifests writes what config/default installs, with the image by tag and digest.
func (r *release) makeManifests(ctx context.Context) error {
	built, err := output(ctx, "bin/kustomize", "build", "config/default")
	if err != nil {
		return err
	}
	_, digest, _ := strings.Cut(r.image, "@")
	pinned, err := pin(built, "ghcr.io/secretsync/secretsync:"+r.version, digest)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "install.yaml"), []byte(pinned+"\n"), 0o644)
}

// pin appends a digest to an image that manifests name once.
func pin(manifests, image, digest string) (string, error) {
	line := "image: " + image + "\n"
	if found := strings.Count(manifests, line); found != 1 {
		return "", fmt.Errorf("the manifests name %s %d times, not once", image, found)
	}
	return strings.Replace(manifests, line, "image: "+image+"@"+digest+"\n", 1), nil
}

// makeSBOM lists the modules in the manager, in the format of CycloneDX.
func (r *release) makeSBOM(ctx context.Context) error {
	return show(ctx, "bin/cyclonedx-gomod", "app", "-json", "-std", "-noserial", "-notimestamp", "-main", "cmd/manager",
		"-output", filepath.Join(folder, "secretsync.cdx.json"), ".")
}

// sign signs image and chart in the registry, and the checksums, which cover all other files.
func (r *release) sign(ctx context.Context) error {
	arguments := []string{"--yes"}
	if r.key != "" {
		// A dry run leaves no trace in public logs.
		services := filepath.Join(filepath.Dir(r.key), "signing-config.json")
		if err := show(ctx, "bin/cosign", "signing-config", "create", "--out", services); err != nil {
			return err
		}
		arguments = append(arguments, "--key", r.key, "--signing-config", services)
	}
	sums := filepath.Join(folder, "checksums.txt")
	blob := append([]string{"sign-blob", "--bundle", sums + ".sigstore.json"}, arguments...)
	if err := show(ctx, "bin/cosign", append(blob, sums)...); err != nil {
		return err
	}
	if r.plain {
		arguments = append(arguments, "--allow-http-registry")
	}
	return show(ctx, "bin/cosign", append(append([]string{"sign"}, arguments...), r.image, r.chart)...)
}
