package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// dryRun makes a release, pushes it to a registry on this machine, signs it with a new key, and installs from it.
func dryRun(ctx context.Context, version string) error {
	address, stop, err := serveRegistry(ctx)
	if err != nil {
		return err
	}
	defer stop()
	keys, err := os.MkdirTemp("", "secretsync-release-keys-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(keys) }()
	prefix := filepath.Join(keys, "cosign")
	if err := show(ctx, "bin/cosign", "generate-key-pair", "--output-key-prefix", prefix); err != nil {
		return err
	}
	made := &release{version: version, registry: address + "/secretsync", plain: true, key: prefix + ".key"}
	if err := made.makeAll(ctx); err != nil {
		return err
	}
	// It is written after the checksums: a real release has no such file.
	public, err := os.ReadFile(prefix + ".pub")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "cosign.pub"), public, 0o644); err != nil {
		return err
	}
	fmt.Printf("image %s\nchart %s\n", made.image, made.chart)
	return testRelease(ctx, made)
}

// testRelease runs the tests that have only the files and the registry.
func testRelease(ctx context.Context, made *release) error {
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run", "^TestRelease", "./hack/e2e")
	command.Env = append(os.Environ(), "SECRETSYNC_RELEASE="+absolute, "SECRETSYNC_RELEASE_REGISTRY="+made.registry,
		"SECRETSYNC_RELEASE_VERSION="+made.version)
	if os.Getenv("SECRETSYNC_KUBERNETES") == "" {
		return errors.New("SECRETSYNC_KUBERNETES is not set: use make release-dry-run, which names a version of Kubernetes")
	}
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}

var servedOn = regexp.MustCompile(`serving on port (\d+)`)

// serveRegistry starts a registry on loopback that keeps everything in memory, and gives its address.
func serveRegistry(ctx context.Context) (address string, stop func(), err error) {
	command := exec.CommandContext(ctx, "bin/crane", "registry", "serve", "--address", "127.0.0.1:0")
	// If this program is killed, the registry ends too.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	printed, err := command.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}
	var lines []string
	for reader := bufio.NewScanner(printed); reader.Scan(); {
		lines = append(lines, reader.Text())
		if match := servedOn.FindStringSubmatch(reader.Text()); match != nil {
			go func() {
				for reader.Scan() { // A full pipe would stop the registry.
					continue
				}
			}()
			return "127.0.0.1:" + match[1], stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("the registry does not start: %s", strings.Join(lines, "\n"))
}
