package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// authorities are the certificates that the image trusts. Debian's package ca-certificates makes the file.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

func buildahNeeds() []requirement {
	const install = ": on Debian and Ubuntu `apt-get install buildah busybox-static ca-certificates` brings it"
	found := func(name string) bool { _, err := exec.LookPath(name); return err == nil }
	_, noAuthorities := os.Stat(authorities)
	return []requirement{
		{runtime.GOOS == "linux", "it works on Linux alone"},
		{os.Geteuid() == 0, "it needs root: run the command with sudo"},
		{found("buildah"), "buildah is not installed" + install},
		{found("busybox"), "busybox is not installed" + install},
		{noAuthorities == nil, authorities + " is missing" + install},
	}
}

// buildah runs buildah with a storage of its own, so that nothing of the build stays on the machine.
type buildah struct {
	folder string
	epoch  string
}

func (b buildah) arguments(words ...string) []string {
	return append([]string{"--root", filepath.Join(b.folder, "storage"), "--runroot", filepath.Join(b.folder, "run")}, words...)
}

func (b buildah) run(ctx context.Context, words ...string) error {
	return show(ctx, "buildah", b.arguments(words...)...)
}

// build builds a folder for a platform. Chroot is the isolation that needs no further right than root, in containers
// too.
func (b buildah) build(ctx context.Context, platform, name, folder string, more ...string) error {
	words := append([]string{"build", "--isolation", "chroot", "--pull-never", "--quiet",
		"--timestamp", b.epoch, "--identity-label=false", "--platform", platform, "--tag", name}, more...)
	return b.run(ctx, append(words, folder)...)
}

// buildWithBuildah builds a platform after the other. Base images are those of the environment, else made from the
// machine's own packages: no registry is needed.
func buildWithBuildah(ctx context.Context, image imageSpec, folder string, fresh bool) (layouts []string, err error) {
	b := buildah{folder: folder, epoch: image.epoch}
	// Mounts of the storage stay behind if a build is interrupted.
	defer func() { _ = exec.Command("buildah", b.arguments("rm", "--all")...).Run() }()
	settings, err := goSettings(ctx, filepath.Join(folder, "gocache"), fresh)
	if err != nil {
		return nil, err
	}
	for _, platform := range image.platforms {
		fmt.Fprintf(os.Stderr, "building for %s\n", platform)
		_, architecture, _ := strings.Cut(platform, "/")
		// The builder runs here, and is labelled with the platform that is built for: buildah 1.28 looks for the base
		// of the last stage by the platform of the first.
		builderName := "localhost/builder:" + architecture
		if err := b.makeBuilder(ctx, platform, builderName, settings); err != nil {
			return nil, err
		}
		base := "localhost/base:" + architecture
		if err := b.makeBase(ctx, platform, base); err != nil {
			return nil, err
		}
		built := "localhost/secretsync:" + architecture
		more := append([]string{"--build-arg", "BUILDPLATFORM=" + platform, "--build-arg", "BUILDER_IMAGE=" + builderName,
			"--build-arg", "BASE_IMAGE=" + base}, image.arguments()...)
		if err := b.build(ctx, platform, built, ".", append(more, settings.volumes()...)...); err != nil {
			return nil, err
		}
		layout := filepath.Join(folder, "layout-"+architecture)
		if err := b.run(ctx, "push", "--quiet", "--format", "oci", built, "oci:"+layout+":"+architecture); err != nil {
			return nil, err
		}
		layouts = append(layouts, layout)
	}
	return layouts, nil
}

// settingsOfGo are those of the go command on this machine. They are used by the build and are not in the image.
type settingsOfGo struct {
	root, modules, cache string
	environment          map[string]string
}

// goSettings asks the go command. A fresh build has a build cache of its own, in a folder.
func goSettings(ctx context.Context, cache string, fresh bool) (settingsOfGo, error) {
	written, err := output(ctx, "go", "env", "-json", "GOROOT", "GOMODCACHE", "GOCACHE", "GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE")
	if err != nil {
		return settingsOfGo{}, err
	}
	environment := map[string]string{}
	if err := json.Unmarshal([]byte(written), &environment); err != nil {
		return settingsOfGo{}, fmt.Errorf("go env: %w", err)
	}
	settings := settingsOfGo{root: environment["GOROOT"], modules: environment["GOMODCACHE"], cache: environment["GOCACHE"], environment: environment}
	if fresh {
		settings.cache = cache
	}
	for _, path := range []string{"GOROOT", "GOMODCACHE", "GOCACHE"} {
		delete(environment, path)
	}
	// Modules that are not there yet are downloaded to the machine's own cache.
	for _, folder := range []string{settings.modules, settings.cache} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return settingsOfGo{}, err
		}
	}
	return settings, nil
}

// volumes mounts the toolchain and its caches: copies of them would take most of the time.
func (s settingsOfGo) volumes() []string {
	return []string{"--volume", s.root + ":/usr/local/go:ro", "--volume", s.modules + ":/go/pkg/mod", "--volume", s.cache + ":/go/cache"}
}

// makeBuilder makes the image that the Dockerfile builds in: a shell, certificates and the settings of Go.
func (b buildah) makeBuilder(ctx context.Context, platform, name string, settings settingsOfGo) error {
	root := filepath.Join(b.folder, "builder-"+filepath.Base(platform))
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	if err := makeRoot(root, map[string]string{"/bin/busybox": busybox, authorities: authorities}); err != nil {
		return err
	}
	if err := os.Symlink("busybox", filepath.Join(root, "bin", "sh")); err != nil {
		return err
	}
	environment := map[string]string{"PATH": "/usr/local/go/bin:/bin", "GOPATH": "/go", "GOCACHE": "/go/cache", "GOTOOLCHAIN": "local"}
	maps.Copy(environment, settings.environment)
	return b.build(ctx, platform, name, root, "--file", containerfile(root, environment))
}

// makeBase makes what the image is based on: certificates, a user without rights and a folder for temporary files.
func (b buildah) makeBase(ctx context.Context, platform, name string) error {
	root := filepath.Join(b.folder, "base-"+filepath.Base(platform))
	if err := makeRoot(root, map[string]string{authorities: authorities}); err != nil {
		return err
	}
	for file, content := range map[string]string{
		"passwd": "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n",
		"group":  "root:x:0:\nnonroot:x:65532:\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "etc", file), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return b.build(ctx, platform, name, root, "--file", containerfile(root, nil))
}
