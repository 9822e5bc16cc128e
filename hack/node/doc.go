// Package node runs a real Kubernetes node on this machine: containerd, runc, kubelet and kube-scheduler, with a control
// plane of its own. Pods run on it, from images that are built here, with projected tokens, probes and memory limits.
// There is no kube-proxy and no DNS: pods reach the API server at its service address, and each other by IP address.
//
// Everything runs in namespaces of its own for processes, mounts and the network. The machine's network is neither
// used nor changed, and the end of the first process, in whatever way, ends all others and removes all mounts. A shell
// outside the namespaces then removes the cgroups and the temporary directory.
//
// It needs root, and programs of the distribution; Missing names what is not there. kubelet and kube-scheduler are
// built from the module that pins the control plane.
//
// It is for tests and for trying things out. It may import controlplane and Kubernetes clients.
package node
