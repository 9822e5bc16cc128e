package node

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kubeletConfig is the configuration of the kubelet (page "Kubelet Configuration (v1beta1)"). It works with cgroups v1
// and v2, without systemd, without iptables, and without a limit of the node's disk. Probes, tokens, volumes and memory
// limits of containers are as on other nodes.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: ` + Address + `
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: CERTIFICATE}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://` + containerdSocket + `
cgroupDriver: cgroupfs
cgroupRoot: /CGROUP
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
resolvConf: ` + files + `/resolv.conf
evictionHard: {memory.available: 1Mi}
imageGCHighThresholdPercent: 100
serializeImagePulls: false
`

// startKubelet starts the kubelet. certificate is that of the API server's client.
func (n *Node) startKubelet(binaries, certificate, parent string) error {
	config, kubeconfig := filepath.Join(files, "kubelet.yaml"), filepath.Join(files, "kubelet.kubeconfig")
	user, err := n.Plane.UserConfig("system:node:"+Name, "system:nodes")
	if err != nil {
		return err
	}
	content := strings.NewReplacer("CERTIFICATE", certificate, "CGROUP", parent).Replace(kubeletConfig)
	if err := errors.Join(
		n.Plane.WriteKubeconfig(user, kubeconfig),
		os.WriteFile(config, []byte(content), 0o600),
		os.WriteFile(filepath.Join(files, "resolv.conf"), nil, 0o644),
	); err != nil {
		return err
	}
	return n.run("kubelet", exec.Command(filepath.Join(binaries, "kubelet"),
		"--config", config, "--kubeconfig", kubeconfig, "--root-dir", kubeletRoot, "--hostname-override", Name, "--node-ip", Address))
}
