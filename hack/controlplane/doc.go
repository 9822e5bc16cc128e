// Package controlplane runs a real Kubernetes control plane on this machine: etcd, kube-apiserver
// and kube-controller-manager, with kubectl. There are no nodes, so pods stay pending; everything else works as in a
// cluster, including garbage collection and RBAC.
//
// The programs are put into a cache outside the checkout, once for each version. They are downloaded from Kubernetes'
// releases if those can be reached, and otherwise built from the Go modules of Kubernetes and etcd, which needs only Go
// and takes some minutes. The modules kubernetes-1.37 and kubernetes-1.32 in this directory pin the versions. If
// KUBEBUILDER_ASSETS names a directory with all four programs, that is used instead; envtest's own archives lack
// kube-controller-manager and are not used.
//
// Stop leaves no process and no file behind. The same holds if the parent is killed or interrupted before it calls
// Stop.
//
// It is for tests and the demo, and may import controller-runtime's envtest.
package controlplane
