package controlplane

import (
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Node says how the kubelet and the pods of a node reach the control plane, and how the API server reaches the kubelet.
type Node struct {
	// Service is the address of the Service kubernetes: the API server listens on it, at port 443, so that no
	// kube-proxy is needed. This machine must have the address.
	Service string
	// Services is the range of the addresses of Services; its first address is Service.
	Services string
	// Address is the node's own address. The API server advertises it.
	Address string
	// Certificate and Key are the files of the client certificate with which the API server calls the kubelet.
	Certificate, Key string
}

// serve sets the API server's flags.
func (n *Node) serve(server *envtest.APIServer) {
	if n == nil {
		return
	}
	server.Address, server.Port = n.Service, "443"
	server.Configure().
		Set("advertise-address", n.Address).
		Set("service-cluster-ip-range", n.Services).
		Set("authorization-mode", "Node", "RBAC").
		Set("enable-admission-plugins", "NodeRestriction").
		Set("kubelet-preferred-address-types", "InternalIP").
		Set("kubelet-client-certificate", n.Certificate).
		Set("kubelet-client-key", n.Key)
}

// rootCA gives the flag of kube-controller-manager that publishes the API server's CA to the pods of a node, as the
// ConfigMap kube-root-ca.crt of each namespace. Without a node there is none.
func (p *ControlPlane) rootCA(directory string) ([]string, error) {
	if p.node == nil {
		return nil, nil
	}
	file := filepath.Join(directory, "ca.crt")
	return []string{"--root-ca-file", file}, os.WriteFile(file, p.config.CAData, 0o600)
}

// UserConfig authenticates as a user of some groups by a client certificate.
func (p *ControlPlane) UserConfig(name string, groups ...string) (*rest.Config, error) {
	user, err := p.environment.AddUser(envtest.User{Name: name, Groups: groups}, p.config)
	if err != nil {
		return nil, err
	}
	return user.Config(), nil
}

// Programs is the directory of the control plane's programs.
func (p *ControlPlane) Programs() string { return p.binaries }
