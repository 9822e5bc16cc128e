package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

const (
	pauseImage = "secretsync.test/pause:1"
	// repository is the chart's default.
	repository = "ghcr.io/secretsync/secretsync"
	// unprivileged is the user of the released image.
	unprivileged = "65532:65532"
	// nonroot is /etc/passwd as in the base of the released image. The kubelet passes only the user of an image on, and
	// containerd takes the group from this file: without it the group is 0.
	nonroot = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
)

// Images are the images that the node has. No registry is needed for them.
type Images struct {
	// Manager is the operator's image, under the name that the chart has by default.
	Manager string
	// Application is a program that shows its environment and its files: see cmd/container.
	Application string
	// Busybox is the same image under the name that README.md uses. It has the commands sleep and printenv.
	Busybox string
	// ApplicationLayout is the content of Application, for tests that serve it from a registry.
	ApplicationLayout *Layout
}

// buildImages builds the images into a directory, as archives. given is an archive of the operator's image that was
// built already, or empty.
func buildImages(ctx context.Context, root, directory, given string) error {
	images, err := readImages(root, directory)
	if err != nil {
		return err
	}
	manager, application := filepath.Join(directory, "manager"), filepath.Join(directory, applicationProgram)
	for binary, folder := range map[string]string{manager: "./cmd/manager", application: "./hack/node/cmd/container"} {
		if binary == manager && given != "" {
			continue
		}
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+filepath.Base(directory), "-o", binary, folder)
		build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w: %s", folder, err, output)
		}
	}
	shown, err := applicationImage(directory)
	if err != nil {
		return err
	}
	for file, name := range map[string]string{applicationArchive: images.Application, busyboxArchive: images.Busybox, pauseArchive: pauseImage} {
		if err := shown.Archive(filepath.Join(directory, file), name); err != nil {
			return err
		}
	}
	if given != "" {
		return os.Symlink(given, filepath.Join(directory, managerArchive))
	}
	passwd := filepath.Join(directory, "passwd")
	if err := os.WriteFile(passwd, []byte(nonroot), 0o600); err != nil {
		return err
	}
	operator, err := Image{
		Files:      map[string]string{"/manager": manager, "/etc/passwd": passwd, "/etc/ssl/certs/ca-certificates.crt": authorities},
		Entrypoint: []string{"/manager"}, User: unprivileged,
	}.Layout()
	if err != nil {
		return err
	}
	return operator.Archive(filepath.Join(directory, managerArchive), images.Manager)
}

// The archives of the images.
const (
	managerArchive     = "manager.tar"
	applicationArchive = "application.tar"
	busyboxArchive     = "busybox.tar"
	pauseArchive       = "pause.tar"
)

// archives are the names of the images by their archives.
func (i Images) archives() map[string]string {
	return map[string]string{managerArchive: i.Manager, applicationArchive: i.Application, busyboxArchive: i.Busybox, pauseArchive: pauseImage}
}

const applicationProgram = "container"

// applicationImage is also the image of the containers that hold the namespaces of pods.
func applicationImage(directory string) (*Layout, error) {
	binary := filepath.Join(directory, applicationProgram)
	return Image{
		Files:      map[string]string{"/" + applicationProgram: binary, "/bin/sleep": binary, "/bin/printenv": binary},
		Entrypoint: []string{"/" + applicationProgram}, User: unprivileged,
	}.Layout()
}

// readImages gives the names of the images; ApplicationLayout is there once the images are built.
func readImages(root, directory string) (images Images, err error) {
	content, err := os.ReadFile(filepath.Join(root, "config/chart/Chart.yaml"))
	if err != nil {
		return images, err
	}
	var chart struct {
		AppVersion string `json:"appVersion"`
	}
	if err := yaml.Unmarshal(content, &chart); err != nil {
		return images, err
	}
	images = Images{Manager: repository + ":" + chart.AppVersion, Application: "secretsync.test/application:1", Busybox: "docker.io/library/busybox:1.37"}
	if _, err := os.Stat(filepath.Join(directory, applicationProgram)); err == nil {
		images.ApplicationLayout, err = applicationImage(directory)
		return images, err
	}
	return images, nil
}
