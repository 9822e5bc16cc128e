package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	containerdSocket = "/run/containerd/containerd.sock"
	networks         = files + "/cni"
)

// containerdConfig is the configuration of containerd 1.6 and later (page "CRI Plugin Config Guide"). Where the
// capability CAP_SYS_RESOURCE is missing, runc can't lower an OOM score, and fails unless restrict_oom_score_adj is set.
const containerdConfig = `version = 2
root = "` + containerdRoot + `"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "` + containerdSocket + `"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "` + plugins + `"
    conf_dir = "` + networks + `"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`

// networkConfig gives each pod a pair of interfaces and a default route to the node (pages "ptp plugin" and "host-local
// IPAM plugin").
const networkConfig = `{
  "cniVersion": "0.4.0", "name": "pods",
  "plugins": [{
    "type": "ptp", "ipMasq": false,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "` + pods + `"}]], "routes": [{"dst": "0.0.0.0/0"}]}
  }]
}`

// startContainerd starts containerd and imports the images.
func (n *Node) startContainerd(ctx context.Context, directory string) error {
	config := filepath.Join(files, "containerd.toml")
	if err := errors.Join(
		os.MkdirAll(networks, 0o755),
		os.WriteFile(config, []byte(containerdConfig), 0o600),
		os.WriteFile(filepath.Join(networks, "10-pods.conflist"), []byte(networkConfig), 0o600),
	); err != nil {
		return err
	}
	if err := n.run("containerd", exec.Command("containerd", "--config", config)); err != nil {
		return err
	}
	if err := n.await("containerd answers", func() error { return ctr(ctx, "version") }); err != nil {
		return err
	}
	for archive, name := range n.Images.archives() {
		if err := importImage(ctx, filepath.Join(directory, archive), name); err != nil {
			return err
		}
	}
	return nil
}

// importImage imports an image. An archive that was built elsewhere may give it another tag.
func importImage(ctx context.Context, archive, name string) error {
	given, err := archiveName(archive)
	if err != nil {
		return err
	}
	if err := ctr(ctx, "--namespace", "k8s.io", "images", "import", archive); err != nil || given == name {
		return err
	}
	return ctr(ctx, "--namespace", "k8s.io", "images", "tag", given, name)
}

func ctr(ctx context.Context, arguments ...string) error {
	output, err := exec.CommandContext(ctx, "ctr", append([]string{"--address", containerdSocket}, arguments...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return nil
}
