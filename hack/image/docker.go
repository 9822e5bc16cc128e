package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// instance is the name of the BuildKit that builds: Docker's own cannot write OCI archives of several platforms.
const instance = "secretsync-image"

func missingForDocker(ctx context.Context) error {
	if _, err := exec.LookPath("docker"); err != nil {
		return fmt.Errorf("docker is not installed")
	}
	if _, err := output(ctx, "docker", "version", "--format", "{{.Server.Version}}"); err != nil {
		return fmt.Errorf("its engine does not answer: start it")
	}
	if _, err := output(ctx, "docker", "buildx", "version"); err != nil {
		return fmt.Errorf("buildx is missing: install the package docker-buildx-plugin")
	}
	return nil
}

// buildWithDocker builds all platforms at once. Docker's layout has one index of them.
func buildWithDocker(ctx context.Context, image imageSpec, folder string, fresh bool) ([]string, error) {
	if _, err := output(ctx, "docker", "buildx", "inspect", instance); err != nil {
		if err := show(ctx, "docker", "buildx", "create", "--name", instance, "--driver", "docker-container"); err != nil {
			return nil, err
		}
	}
	layout := filepath.Join(folder, "layout")
	if err := show(ctx, "docker", dockerArguments(image, layout, fresh)...); err != nil {
		return nil, err
	}
	return []string{layout}, nil
}

func dockerArguments(image imageSpec, layout string, fresh bool) []string {
	arguments := []string{"buildx", "build", "--builder", instance, "--platform", strings.Join(image.platforms, ","),
		// Attestations hold the times of the build. The release makes its own.
		"--provenance=false", "--sbom=false",
		"--build-arg", "SOURCE_DATE_EPOCH=" + image.epoch,
		"--output", "type=oci,tar=false,rewrite-timestamp=true,dest=" + layout}
	arguments = append(arguments, image.arguments()...)
	for _, base := range []string{"BUILDER_IMAGE", "BASE_IMAGE"} {
		if chosen := os.Getenv(base); chosen != "" {
			arguments = append(arguments, "--build-arg", base+"="+chosen)
		}
	}
	if fresh {
		arguments = append(arguments, "--no-cache")
	}
	return append(arguments, ".")
}
