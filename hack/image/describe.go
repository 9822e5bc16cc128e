package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// imageSpec is what is built.
type imageSpec struct {
	repository string
	version    string
	revision   string
	// epoch is the time of the commit, in seconds since 1970: every time in the image is this one.
	epoch     string
	platforms []string
}

func (i imageSpec) reference() string { return i.repository + ":" + i.version }

// arguments are the build arguments that describe the image, as docker and buildah take them.
func (i imageSpec) arguments() []string {
	return []string{"--build-arg", "VERSION=" + i.version, "--build-arg", "REVISION=" + i.revision}
}

// tag is what a registry takes as a tag.
var tag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// describe asks git what is built.
func describe(ctx context.Context, o options) (imageSpec, error) {
	described := imageSpec{repository: o.repository, version: o.version, platforms: strings.Split(o.platforms, ",")}
	if described.version == "" {
		version, err := output(ctx, "git", "describe", "--tags", "--always", "--dirty")
		if err != nil {
			return imageSpec{}, fmt.Errorf("-version is not set, and git does not know it: %w", err)
		}
		described.version = version
	}
	if !tag.MatchString(described.version) {
		return imageSpec{}, fmt.Errorf("-version %q is no tag of an image: use letters, digits, dots, dashes and underscores, 128 at most", described.version)
	}
	for _, platform := range described.platforms {
		if !slices.Contains([]string{"linux/amd64", "linux/arm64"}, platform) {
			return imageSpec{}, fmt.Errorf("-platforms has %q: use linux/amd64 and linux/arm64, separated by commas", platform)
		}
	}
	var err error
	if described.revision, err = output(ctx, "git", "rev-parse", "HEAD"); err != nil {
		return imageSpec{}, err
	}
	described.epoch = os.Getenv("SOURCE_DATE_EPOCH")
	if described.epoch == "" {
		described.epoch, err = output(ctx, "git", "log", "-1", "--format=%ct")
	}
	return described, err
}

// output gives the trimmed output of a command.
func output(ctx context.Context, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	var failure strings.Builder
	command.Stderr = &failure
	written, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, strings.TrimSpace(failure.String()))
	}
	return strings.TrimSpace(string(written)), nil
}

// show runs a command whose output is shown while it runs.
func show(ctx context.Context, name string, arguments ...string) error {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w, see above", name, err)
	}
	return nil
}
