// Command image builds the Dockerfile for several architectures into one OCI archive, with Docker where its engine
// runs and with buildah elsewhere:
//
//	go run ./hack/image -version v0.1.0 -out bin/secretsync.oci.tar
//
// The same commit, version and base images give the same digest: every time in the image is the commit's. With
// -twice the image is built a second time, with empty caches, and the digests are compared.
//
// The archive holds one image index, annotated with the whole reference, so that `ctr images import`, `skopeo copy
// oci-archive:…` and `docker load` find its name.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	builder    string
	repository string
	version    string
	platforms  string
	out        string
	twice      bool
}

func parse(arguments []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&o.builder, "builder", "", "docker or buildah; default: docker if its engine runs, else buildah")
	flags.StringVar(&o.repository, "repository", "ghcr.io/secretsync/secretsync", "name of the image, without a tag")
	flags.StringVar(&o.version, "version", "", "tag of the image and version of the manager; default: what git describe says")
	flags.StringVar(&o.platforms, "platforms", "linux/amd64,linux/arm64", "what to build for, separated by commas")
	flags.StringVar(&o.out, "out", filepath.Join("bin", "secretsync.oci.tar"), "the OCI archive to write")
	flags.BoolVar(&o.twice, "twice", false, "build a second time with empty caches and fail if the digest differs")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unknown argument %q: the program takes flags only", flags.Arg(0))
	}
	return o, nil
}

// run builds the image, writes the archive and prints reference and digest.
func run(ctx context.Context, arguments []string, out io.Writer) error {
	o, err := parse(arguments)
	if err != nil {
		return err
	}
	image, err := describe(ctx, o)
	if err != nil {
		return err
	}
	build, err := choose(ctx, o.builder)
	if err != nil {
		return err
	}
	digest, err := archived(ctx, build, image, o.out, false)
	if err != nil {
		return err
	}
	if o.twice {
		second := o.out + ".second"
		defer func() { _ = os.Remove(second) }()
		again, err := archived(ctx, build, image, second, true)
		if err != nil {
			return err
		}
		if again != digest {
			return fmt.Errorf("not reproducible: the first build is %s, the second %s", digest, again)
		}
		fmt.Fprintln(out, "reproducible: two builds, one digest")
	}
	fmt.Fprintf(out, "%s@%s in %s\n", image.reference(), digest, o.out)
	return nil
}

// builder builds an image for all its platforms into OCI layouts below a folder, and gives their folders. A fresh
// build uses no cache of an earlier one.
type builder func(ctx context.Context, image imageSpec, folder string, fresh bool) ([]string, error)

// archived builds an image into an archive and gives the digest of its index.
func archived(ctx context.Context, build builder, image imageSpec, file string, fresh bool) (string, error) {
	folder, err := os.MkdirTemp("", "secretsync-image-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	layouts, err := build(ctx, image, folder, fresh)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	return writeArchive(file, image, layouts)
}

// choose gives the builder of a name, or the one that works here.
func choose(ctx context.Context, name string) (builder, error) {
	switch name {
	case "docker":
		return buildWithDocker, missingForDocker(ctx)
	case "buildah":
		return buildWithBuildah, missing(buildahNeeds())
	case "":
		noDocker := missingForDocker(ctx)
		if noDocker == nil {
			return buildWithDocker, nil
		}
		if noBuildah := missing(buildahNeeds()); noBuildah != nil {
			return nil, fmt.Errorf("neither Docker nor buildah can be used:\n  Docker: %w\n  buildah: %w", noDocker, noBuildah)
		}
		return buildWithBuildah, nil
	}
	return nil, fmt.Errorf("-builder %q is unknown: use docker or buildah", name)
}

// requirement is something that a builder cannot do without.
type requirement struct {
	there  bool
	remedy string
}

// missing says what to install, or nil if nothing is missing.
func missing(needs []requirement) error {
	var remedies []string
	for _, need := range needs {
		if !need.there {
			remedies = append(remedies, need.remedy)
		}
	}
	if len(remedies) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(remedies, "; "))
}
